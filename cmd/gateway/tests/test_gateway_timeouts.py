"""Slow clients, slow services, and what is too large: each has a bound, and the bound an answer."""

import contextlib
import socket
import time

import pytest
from h1client import Client, Cut, ask, fresh, problem
from h2client import HEADERS, H2Client, frame
from recorder import Exchange, Gate

IMPATIENT = """
listener:
  header_timeout: 1s
  body_timeout: 600ms
  idle_timeout: 2s
  max_target: 1KiB
  max_headers: 4KiB
  max_header_fields: 20
upstreams:
  app: {targets: ["$app"]}
  deaf: {targets: ["$deaf"]}
  nobody: {targets: ["$nobody"]}
defaults:
  rate_limits: []
  breaker: off
  retries: {attempts: 0}
  max_body: 10KiB
routes:
  - {path: /app/**, upstream: app}
  - {path: /quick/**, upstream: app, timeouts: {first_byte: 300ms, total: off}}
  - {path: /short/**, upstream: app, timeouts: {first_byte: 700ms, total: 800ms}, max_body: 1GiB}
  - {path: /endless/**, upstream: app, timeouts: {total: off}, max_body: 1GiB}
  - {path: /deaf/**, upstream: deaf, timeouts: {connect: 300ms}}
  - {path: /nobody/**, upstream: nobody}
  - {path: /tiny/**, upstream: app, max_body: 0B}
"""


@pytest.fixture(scope="module")
def deaf():
    """An address where connections are not taken: a listener whose queue is full."""
    with contextlib.ExitStack() as ends:
        listener = ends.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = ends.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def impatient(shared_bench, plain_upstream, deaf):
    return shared_bench.gateway(IMPATIENT, app=plain_upstream, deaf=deaf, nobody="127.0.0.1:1")


def elapsed(begun: float) -> float:
    return time.monotonic() - begun


# -- Slow clients

def test_a_header_that_comes_drop_by_drop_is_refused(impatient, app):
    path, begun = fresh(), time.monotonic()
    with Client(impatient) as client:
        client.sock.settimeout(0.05)
        answer = b""
        for byte in f"GET {path} HTTP/1.1\r\nHost: a\r\nX-Slow: {'z' * 500}":
            with contextlib.suppress(OSError):
                client.send(byte)
            try:
                answer = client.sock.recv(65_536)
                break
            except TimeoutError:
                assert elapsed(begun) < 6, "it waits for ever"
    assert answer.startswith(b"HTTP/1.1 408 ") and 0.9 < elapsed(begun) < 5
    assert app.seen(path) == []


def test_a_connection_that_says_nothing_is_closed(impatient):
    begun = time.monotonic()
    with Client(impatient) as client:
        assert client.is_closed() and 0.9 < elapsed(begun) < 5


def test_half_a_preface_of_http2_is_no_way_to_stay(impatient):
    begun = time.monotonic()
    with Client(impatient) as client:
        client.send("PRI * HT")
        assert client.is_closed() and elapsed(begun) < 5
    with Client(impatient) as client:
        client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n")
        client.rest()
        assert elapsed(begun) < 8


def test_a_connection_may_wait_between_requests_but_not_for_ever(impatient, app):
    with Client(impatient) as client:
        assert client.ask("GET", fresh()).status == 200
        begun = time.monotonic()
        assert client.is_closed() and 1.5 < elapsed(begun) < 5
    with H2Client(impatient) as client:
        assert client.ask("GET", fresh()).status == 200
        begun = time.monotonic()
        client.end(6)
        assert 1.5 < elapsed(begun) < 5


def test_the_time_for_a_header_begins_with_the_header(impatient, app):
    """Not when the connection began to wait for it."""
    path = fresh()
    with Client(impatient) as client:
        assert client.ask("GET", fresh()).status == 200
        # Longer than header_timeout, shorter than idle_timeout.
        time.sleep(1.2)
        client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n")
        time.sleep(0.3)
        client.send("\r\n")
        assert client.reply().status == 200


def test_a_header_of_http2_that_never_ends_is_no_way_to_stay(impatient):
    begun = time.monotonic()
    with H2Client(impatient) as client:
        # HEADERS without END_HEADERS.
        client.send(frame(HEADERS, 0, 1, b"\x82"))
        client.end(6)
    assert elapsed(begun) < 6


def test_a_body_that_comes_too_slowly_is_refused(impatient, app):
    path, begun = fresh(), time.monotonic()
    with Client(impatient) as client:
        client.request("POST", path, {"Content-Length": "100"}, b"a little")
        problem(client.reply(), 408)
        assert client.is_closed() and 0.5 < elapsed(begun) < 4
    assert app.seen(path) == []


def test_a_long_body_that_comes_too_slowly_is_refused(impatient, app):
    """Longer than what is read ahead: the service has its beginning."""
    path = fresh("/endless/")
    with Client(impatient) as client:
        client.request("POST", path, {"Content-Length": "100000"}, b"x" * 70_000)
        problem(client.reply(), 408)
        assert client.is_closed()
    request = app.only(path)
    assert request.connection.gone.wait(5) and not request.is_complete


def test_a_body_that_comes_slowly_but_steadily_is_not(impatient, app):
    path = fresh()
    with Client(impatient) as client:
        client.request("POST", path, {"Content-Length": "8"})
        for _ in range(8):
            time.sleep(0.15)
            client.send("x")
        assert client.reply().json["length"] == 8


def test_a_body_that_comes_too_slowly_over_http2_is_refused(impatient, app):
    path = fresh()
    with H2Client(impatient) as client:
        number = client.start("POST", path, ends=False)
        client.upload(number, b"a little", ends=False)
        assert client.finish(number).status == 408
    assert app.seen(path) == []


def endless(exchange: Exchange) -> None:
    exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        exchange.chunk(b"x" * 65_536)


def test_a_client_that_does_not_read_is_cut_off(impatient, app):
    path = fresh("/endless/")
    app.on(path)(endless)
    with Client(impatient, receive_buffer=8_192) as client:
        client.request("GET", path)
        assert app.await_request(path).connection.gone.wait(8)
        with pytest.raises(Cut):
            list(client.parts(client.head()))


def test_a_stream_of_http2_that_is_not_read_is_cut_off(impatient, app):
    path = fresh("/endless/")
    app.on(path)(endless)
    with H2Client(impatient, acknowledges=False) as client:
        number = client.start("GET", path)
        assert app.await_request(path).connection.gone.wait(8)
        client.pump(lambda: client.is_closed or client.streams[number].is_over)
        assert not client.streams[number].is_ended


# -- Too much

def test_a_target_that_is_too_long(impatient, app):
    path = fresh()
    assert ask(impatient, "GET", f"{path}?{'q' * (1_020 - len(path))}").status == 200
    problem(ask(impatient, "GET", f"{path}?{'q' * 1_024}"), 414)
    with Client(impatient) as client:
        # At once, not at its end.
        client.send(f"GET {path}?{'q' * 5_000}")
        problem(client.reply(), 414)


@pytest.mark.parametrize("fields", [
    {"X-Long": "a" * 5_000}, [(f"X-{number}", "a" * 500) for number in range(10)], [(f"X-{number}", "a") for number in range(25)],
], ids=["one", "together", "many"])
def test_a_header_that_is_too_large(impatient, app, fields):
    path = fresh()
    with Client(impatient) as client:
        client.request("GET", path, fields)
        problem(client.reply(), 431)
        assert client.is_closed()
    with H2Client(impatient) as client:
        pairs = [(name.lower(), value) for name, value in (fields.items() if isinstance(fields, dict) else fields)]
        number = client.start("GET", path, pairs)
        client.pump(lambda: client.is_closed or client.streams[number].is_over)
        assert client.streams[number].status in (None, 431)
    assert app.seen(path) == []


def test_a_body_that_is_too_large(impatient, app):
    path = fresh()
    assert ask(impatient, "POST", path, body=b"x" * 10_240).json["length"] == 10_240
    announced, chunked = fresh(), fresh()
    with Client(impatient) as client:
        client.request("POST", announced, body=b"x" * 10_241)
        problem(client.reply(), 413, "body.too_large")
    assert app.seen(announced) == []
    with Client(impatient) as client:
        client.request("POST", chunked, {"Transfer-Encoding": "chunked"})
        with contextlib.suppress(OSError):
            for _ in range(4):
                client.send(b"1000\r\n" + b"x" * 4_096 + b"\r\n")
            client.send(b"0\r\n\r\n")
        problem(client.reply(), 413, "body.too_large")
    assert not any(request.is_complete for request in app.seen(chunked))
    over_http2 = fresh()
    with H2Client(impatient) as client:
        number = client.start("POST", over_http2, ends=False)
        client.upload(number, b"x" * 20_000)
        assert client.finish(number).status == 413
        assert client.ask("GET", fresh()).status == 200
    assert not any(request.is_complete for request in app.seen(over_http2))


def test_a_route_may_take_no_body_at_all(impatient, app):
    path = fresh("/tiny/")
    problem(ask(impatient, "POST", path, body=b"x"), 413)
    assert ask(impatient, "POST", path, body=b"").status == 200


def test_a_client_that_is_refused_can_read_why(impatient):
    """Though it goes on sending: a reset would take the answer away from it (RFC 9112, section 9.6)."""
    for _ in range(5):
        with Client(impatient) as client:
            with contextlib.suppress(OSError):
                client.request("POST", "/app/x", body=b"x" * 3_000_000)
            problem(client.reply(), 413)


# -- Slow services

def test_nobody_takes_the_connection(impatient):
    begun = time.monotonic()
    reply = problem(ask(impatient, "GET", "/deaf/x"), 503, "upstream.unavailable")
    assert reply.get("retry-after") == "1" and 0.25 < elapsed(begun) < 3


def test_nobody_is_there(impatient):
    begun = time.monotonic()
    reply = problem(ask(impatient, "POST", "/nobody/x", body=b"x"), 503, "upstream.unavailable")
    assert reply.get("retry-after") == "1" and elapsed(begun) < 1


def test_no_answer_in_time(impatient, app):
    path, begun = fresh("/quick/"), time.monotonic()
    app.on(path)(lambda exchange: exchange.wait_for_close())
    problem(ask(impatient, "GET", path), 504, "deadline.exceeded")
    assert 0.25 < elapsed(begun) < 3
    assert app.only(path).connection.gone.wait(5)


def test_the_time_for_an_answer_begins_at_the_requests_end(impatient, app):
    path = fresh("/quick/")
    with Client(impatient) as client:
        client.request("POST", path, {"Content-Length": "4"})
        for _ in range(4):
            time.sleep(0.15)
            client.send("x")
        assert client.reply().status == 200


def test_the_time_for_an_answer_ends_with_its_header(impatient, app):
    path = fresh("/quick/")

    @app.on(path)
    def slow(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        for _ in range(4):
            time.sleep(0.15)
            exchange.send("x")

    assert ask(impatient, "GET", path).body == b"xxxx"


def test_an_interim_answer_is_none(impatient, app):
    path, begun = fresh("/quick/"), time.monotonic()

    @app.on(path)
    def hints(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 103 Early Hints\r\n\r\n")
        exchange.wait_for_close()

    problem(ask(impatient, "GET", path), 504)
    assert elapsed(begun) < 3


def test_the_whole_takes_too_long_before_an_answer(impatient, app):
    path, begun = fresh("/short/"), time.monotonic()
    with Client(impatient) as client:
        # The service has what is longer than what is read ahead.
        client.request("POST", path, {"Content-Length": "100000"}, b"x" * 66_000)
        client.sock.settimeout(0.05)
        answer = b""
        while not answer:
            # Steady, so that no other time runs out.
            with contextlib.suppress(OSError):
                client.send("x")
            with contextlib.suppress(TimeoutError):
                answer = client.sock.recv(65_536)
            assert elapsed(begun) < 4, "it waits for ever"
    assert answer.startswith(b"HTTP/1.1 504 ") and elapsed(begun) > 0.7
    assert app.only(path).connection.gone.wait(5) and not app.only(path).is_complete


def test_the_whole_takes_too_long_within_an_answer(impatient, app):
    path, begun = fresh("/short/"), time.monotonic()

    @app.on(path)
    def slow(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            exchange.chunk("x")
            time.sleep(0.05)

    with Client(impatient) as client:
        client.request("GET", path)
        reply = client.head()
        with pytest.raises(Cut):
            list(client.parts(reply))
    assert reply.status == 200 and 0.7 < elapsed(begun) < 4
    assert app.only(path).connection.gone.wait(5)


def test_a_slow_request_is_not_the_services_fault(bench):
    """A queue may be longer than the time that a client has for the next part of its body."""
    app = bench.upstream()
    gateway = bench.gateway("""
listener: {body_timeout: 400ms}
upstreams: {app: {targets: ["$app"]}}
defaults: {rate_limits: [], concurrency: {limit: 1, queue: 10, queue_timeout: 5s}}
routes: [{path: /app/**, upstream: app}]
""", app=app, env={"SOUK_GATEWAY_THREADS": "1"})
    gate = Gate()
    app.on("/app/first")(lambda exchange: (gate.wait(), exchange.reply(200, "first")))
    with Client(gateway) as first, Client(gateway) as second:
        first.request("GET", "/app/first")
        app.await_request("/app/first")
        second.request("POST", "/app/second", body=b"body")
        # It waits for its turn, and did nothing wrong.
        second.sock.settimeout(1.2)
        with pytest.raises(TimeoutError):
            second.reply()
        second.sock.settimeout(10)
        gate.open()
        assert second.reply().json["length"] == 4
        assert first.reply().body == b"first"


def test_connections_beyond_the_limit_wait(bench):
    app = bench.upstream()
    gateway = bench.gateway("""
listener: {max_connections: 3}
budgets: {share: 1/1}
upstreams: {app: {targets: ["$app"]}}
defaults: {rate_limits: []}
routes: [{path: /app/**, upstream: app}]
""", app=app)
    with Client(gateway) as one, Client(gateway) as two, Client(gateway) as three:
        for client in (one, two, three):
            assert client.ask("GET", "/app/x").status == 200
        with Client(gateway) as four:
            four.request("GET", "/app/four")
            four.sock.settimeout(0.5)
            with pytest.raises(TimeoutError):
                four.reply()
            assert app.seen("/app/four") == []
            three.close()
            four.sock.settimeout(10)
            assert four.reply().status == 200
