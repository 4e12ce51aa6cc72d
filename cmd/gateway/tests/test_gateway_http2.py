"""HTTP/2 to the client, HTTP/1.1 to the service, and nothing lost or gained in between."""

import hashlib
import re
import subprocess
import threading

import h2.errors
import h2.settings
import pytest
from gateway_process import wait_until
from h1client import ask, fresh
from h2client import H2Client
from recorder import Exchange, Gate, settles

LARGE = 12 << 20
BLOCK = bytes(range(256)) * 256
GROWTH_KILOBYTES = 24 << 10


def test_by_prior_knowledge(gateway, app):
    path = fresh()
    with H2Client(gateway) as client:
        stream = client.ask("GET", f"{path}?a=1&b=%20", {"accept": "text/html", "x-own": "1"})
        told = stream.json
    assert stream.status == 200 and stream.get("content-type") == "application/json"
    assert (told["method"], told["target"]) == ("GET", f"{path}?a=1&b=%20")
    request = app.only(path)
    assert (request.get("host"), request.get("accept"), request.get("x-own")) == ("shop.example", "text/html", "1")
    assert request.get("content-length") is None and request.get("transfer-encoding") is None
    assert all(":" not in name for name in request.names)


def test_curl_gets_through(gateway, app):
    path = fresh()
    command = ["curl", "-sS", "--http2-prior-knowledge", "-w", "%{http_version} %{http_code}", "-o", "/dev/null", "-d", "body"]
    out = subprocess.run([*command, f"http://127.0.0.1:{gateway.port}{path}"], capture_output=True, text=True, timeout=20)
    assert (out.stdout, out.stderr) == ("2 200", "")
    request = app.only(path)
    assert (request.method, request.body) == ("POST", b"body")


@pytest.mark.parametrize("length", [None, "11"], ids=["without Content-Length", "with it"])
def test_bodies(gateway, app, length):
    path = fresh()
    with H2Client(gateway) as client:
        stream = client.ask("POST", path, {"content-length": length} if length else (), b"hello there")
    assert stream.status == 200
    request = app.only(path)
    assert request.body == b"hello there" and request.get("content-length") == length


def test_an_empty_body(gateway, app):
    path = fresh()
    with H2Client(gateway) as client:
        assert client.ask("POST", path, body=b"").json["length"] == 0
    assert app.only(path).is_complete


def test_answers_without_a_body(gateway, app):
    for status in (204, 304):
        path = fresh()
        app.on(path)(lambda exchange, status=status: exchange.reply(status))
        with H2Client(gateway) as client:
            stream = client.ask("GET", path)
            assert (stream.status, bytes(stream.body), stream.get("content-length")) == (status, b"", None)
    path = fresh()
    app.on(path)(lambda exchange: exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"))
    with H2Client(gateway) as client:
        stream = client.ask("HEAD", path)
        assert (stream.status, bytes(stream.body), stream.get("content-length")) == (200, b"", "77")


def test_fields_of_one_hop_do_not_come_out(gateway, app):
    path = fresh()

    @app.on(path)
    def hops(exchange: Exchange) -> None:
        exchange.send(
            "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nX-Kept: 2\r\n"
            "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n")

    with H2Client(gateway) as client:
        stream = client.ask("GET", path)
    names = [name for name, _ in stream.fields]
    assert stream.body == b"body" and stream.get("x-kept") == "2"
    assert not {"connection", "keep-alive", "x-hop", "transfer-encoding"} & set(names)
    assert [value for name, value in stream.fields if name == "set-cookie"] == ["a=1", "b=2"]


def test_cookies_that_came_apart_are_put_together(gateway, app):
    path = fresh()
    with H2Client(gateway) as client:
        client.ask("GET", path, [("cookie", "a=1"), ("cookie", "b=2")])
    assert app.only(path).get("cookie") == "a=1; b=2"


def test_trailers_pass_both_ways(gateway, app):
    path = fresh()

    @app.on(path)
    def with_trailers(exchange: Exchange) -> None:
        exchange.read()
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nanswer\r\n0\r\nX-Sum: 42\r\n\r\n")

    with H2Client(gateway) as client:
        number = client.start("POST", path, ends=False)
        client.upload(number, b"body", ends=False)
        client.h2.send_headers(number, [("x-check", "7")], end_stream=True)
        client.flush()
        stream = client.finish(number)
    assert (bytes(stream.body), stream.trailers) == (b"answer", [("x-sum", "42")])
    request = app.only(path)
    assert (request.body, [(name.lower(), value) for name, value in request.trailers]) == (b"body", [("x-check", "7")])


@pytest.mark.parametrize("name", ["x-user-id", "x_user_id", "x-souk-principal", "authorization", "content-length", "host"])
def test_trailers_that_would_deceive_a_service_do_not_reach_it(gateway, app, name):
    path = fresh()
    with H2Client(gateway) as client:
        number = client.start("POST", path, ends=False)
        client.upload(number, b"body", ends=False)
        client.h2.send_headers(number, [("x-good", "1"), (name, "7")], end_stream=True)
        client.flush()
        client.pump(lambda: client.streams[number].is_over or client.is_closed)
    for request in app.seen(path):
        assert name not in [key.lower() for key, _ in request.trailers]


def test_interim_answers(gateway, app):
    path = fresh()

    @app.on(path)
    def early(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        exchange.reply(200, "late")

    with H2Client(gateway) as client:
        stream = client.ask("GET", path)
        assert stream.body == b"late" and stream.interim == [[(":status", "103"), ("link", "</a.css>")]]
        number = client.start("POST", fresh(), {"expect": "100-continue", "content-length": "4"}, ends=False)
        stream = client.streams[number]
        client.pump(lambda: stream.interim)
        assert stream.interim == [[(":status", "100")]]
        client.upload(number, b"body")
        assert client.finish(number).json["length"] == 4


def test_streams_do_not_wait_for_each_other(gateway, app):
    path, gate = fresh(), Gate()

    @app.on(path)
    def slow(exchange: Exchange) -> None:
        gate.wait()
        exchange.reply(200, "slow")

    with H2Client(gateway) as client:
        slow_ones = [client.start("GET", path) for _ in range(30)]
        wait_until("all of them to be at the service", lambda: gate.waiting == 30)
        for _ in range(5):
            assert client.ask("GET", fresh()).status == 200
        gate.open()
        assert [bytes(client.finish(number).body) for number in slow_ones] == [b"slow"] * 30


def test_a_large_answer_waits_for_the_window(gateway, app):
    path, sent = fresh(), [0]

    @app.on(path)
    def large(exchange: Exchange) -> None:
        exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n")
        for _ in range(LARGE // len(BLOCK)):
            exchange.send(BLOCK)
            sent[0] += len(BLOCK)

    with H2Client(gateway, acknowledges=False, timeout=30) as client:
        client.ask("GET", "/app/warm-up")
        before = gateway.memory_kilobytes()
        number = client.start("GET", path)
        stream = client.streams[number]
        # The windows that clients begin with (RFC 9113, section 6.9.2), and not a byte more.
        client.pump(lambda: len(stream.body) >= 60_000)
        assert settles(lambda: sent[0]) < 9 << 20
        client.read(0.05)
        assert len(stream.body) <= 65_535
        assert gateway.memory_kilobytes() - before < GROWTH_KILOBYTES
        # Another stream gets its share as soon as there is room.
        client.acknowledges = True
        client.h2.acknowledge_received_data(stream.unacknowledged, number)
        client.flush()
        assert client.finish(number).is_ended
        assert hashlib.sha256(stream.body).digest() == hashlib.sha256(BLOCK * (LARGE // len(BLOCK))).digest()
        assert gateway.memory_kilobytes() - before < GROWTH_KILOBYTES


def test_a_large_upload_waits_for_a_service_that_does_not_read(gateway, app):
    path, gate = fresh(), Gate()

    @app.on(path)
    def slow(exchange: Exchange) -> None:
        gate.wait()
        digest = hashlib.sha256()
        for part in exchange.parts():
            digest.update(part)
        exchange.reply(200, digest.hexdigest())

    data, sent = BLOCK * (LARGE // len(BLOCK)), [0]
    with H2Client(gateway, timeout=30) as client:
        client.ask("GET", "/app/warm-up")
        before = gateway.memory_kilobytes()
        number = client.start("POST", path, ends=False)

        def upload() -> None:
            for start in range(0, LARGE, 1 << 16):
                client.upload(number, data[start:start + (1 << 16)], ends=start + (1 << 16) == LARGE)
                sent[0] = start

        sender = threading.Thread(target=upload)
        sender.start()
        assert settles(lambda: sent[0]) < 9 << 20
        assert gateway.memory_kilobytes() - before < GROWTH_KILOBYTES
        gate.open()
        sender.join()
        assert client.finish(number).body.decode() == hashlib.sha256(data).hexdigest()
        assert gateway.memory_kilobytes() - before < GROWTH_KILOBYTES


def test_a_stream_that_is_reset_frees_the_service(gateway, app):
    path, closed = fresh(), []
    app.on(path)(lambda exchange: closed.append(exchange.wait_for_close()))
    with H2Client(gateway) as client:
        number = client.start("GET", path)
        app.await_request(path)
        client.h2.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
        client.flush()
        wait_until("the service's connection to end", lambda: closed, 5)
        # The other streams go on.
        assert client.ask("GET", fresh()).status == 200


def test_a_service_that_breaks_off_resets_the_stream(gateway, app):
    path = fresh()

    @app.on(path)
    def half(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        exchange.close()

    with H2Client(gateway) as client:
        stream = client.ask("GET", path)
        assert stream.status == 200 and not stream.is_ended and stream.reset is not None
        assert client.ask("GET", fresh()).status == 200


def test_an_answer_may_come_before_the_request_is_whole(gateway, app):
    path = fresh()

    @app.on(path)
    def early(exchange: Exchange) -> None:
        exchange.reply(409, "no need for the rest")
        exchange.wait_for_close()

    with H2Client(gateway) as client:
        number = client.start("POST", path, ends=False)
        stream = client.finish(number)
        assert (stream.status, bytes(stream.body)) == (409, b"no need for the rest") and stream.is_ended
        client.pump(lambda: stream.reset is not None)
        assert stream.reset == h2.errors.ErrorCodes.NO_ERROR
        assert client.ask("GET", fresh()).status == 200


def test_more_streams_than_agreed_are_refused(bench):
    app = bench.upstream()
    gate = Gate()
    app.script = lambda exchange: (gate.wait(), exchange.reply(200, "done"))
    gateway = bench.gateway("""
listener: {max_concurrent_streams: 5}
upstreams: {app: {targets: ["$app"]}}
defaults: {rate_limits: []}
routes: [{path: /app/**, upstream: app}]
""", app=app)
    with H2Client(gateway) as client:
        client.pump(lambda: client.settings)
        assert client.settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] == 5
        running = [client.start("GET", f"/app/{number}") for number in range(5)]
        wait_until("five at the service", lambda: gate.waiting == 5)
        # The library would hold it back.
        client.h2.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = 100
        client.h2.remote_settings.acknowledge()
        extra = client.start("GET", "/app/extra")
        gate.open()
        client.pump(lambda: client.is_closed or all(client.streams[number].is_over for number in [*running, extra]))
        assert client.is_closed or client.streams[extra].reset == h2.errors.ErrorCodes.REFUSED_STREAM
    assert app.seen("/app/extra") == []
    assert ask(gateway, "GET", "/app/after").status == 200


def test_http2_can_be_switched_off(bench):
    app = bench.upstream()
    gateway = bench.gateway("""
listener: {http2: false}
upstreams: {app: {targets: ["$app"]}}
routes: [{path: /app/**, upstream: app}]
""", app=app)
    with H2Client(gateway) as client:
        client.start("GET", "/app/x")
        answer = client.sock.recv(65_536)
    assert re.match(rb"HTTP/1\.1 (400|505) ", answer), answer
    assert app.requests == []


def test_a_shutdown_lets_streams_end_and_takes_no_more(bench):
    app = bench.upstream()
    gateway = bench.gateway("""
listener: {drain_timeout: 15s}
upstreams: {app: {targets: ["$app"]}}
defaults: {rate_limits: []}
routes: [{path: /app/**, upstream: app}]
""", app=app)
    gate = Gate()
    app.on("/app/held")(lambda exchange: (gate.wait(), exchange.reply(200, "done")))
    with H2Client(gateway) as client, H2Client(gateway) as idle:
        assert idle.ask("GET", "/app/x").status == 200
        number = client.start("GET", "/app/held")
        app.await_request("/app/held")
        gateway.terminate()
        client.pump(lambda: client.goaway is not None)
        assert client.goaway == h2.errors.ErrorCodes.NO_ERROR
        assert idle.end() == h2.errors.ErrorCodes.NO_ERROR
        gate.open()
        assert client.finish(number).body == b"done"
        assert client.end() == h2.errors.ErrorCodes.NO_ERROR
    assert gateway.wait_for_end() == 0
