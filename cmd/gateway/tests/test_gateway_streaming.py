"""Bodies pass in both directions as they come, in bounded memory, and nobody takes half an answer for a whole one."""

import hashlib
import threading
import time

import pytest
from h1client import Client, ask, fresh, problem
from recorder import Exchange, Gate, settles

LARGE = 64 << 20
BLOCK = bytes(range(256)) * 256
# What may lie in the kernel's buffers and in the gateway's between two ends of which one doesn't read.
ON_THE_WAY = 40 << 20
GROWTH_KILOBYTES = 24 << 10


def test_a_large_answer_waits_for_a_client_that_does_not_read(gateway, app):
    path, sent = fresh(), [0]

    @app.on(path)
    def large(exchange: Exchange) -> None:
        exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n")
        for _ in range(LARGE // len(BLOCK)):
            exchange.send(BLOCK)
            sent[0] += len(BLOCK)

    ask(gateway, "GET", "/app/warm-up")
    before = gateway.memory_kilobytes()
    with Client(gateway, timeout=30) as client:
        client.request("GET", path)
        reply = client.head()
        assert settles(lambda: sent[0]) < ON_THE_WAY
        assert gateway.memory_kilobytes() - before < GROWTH_KILOBYTES
        got = hashlib.sha256()
        for part in client.parts(reply):
            got.update(part)
    assert got.digest() == hashlib.sha256(BLOCK * (LARGE // len(BLOCK))).digest()
    assert gateway.memory_kilobytes() - before < GROWTH_KILOBYTES


@pytest.mark.parametrize("is_chunked", [False, True], ids=["Content-Length", "chunked"])
def test_a_large_upload_waits_for_a_service_that_does_not_read(gateway, app, is_chunked):
    path, gate = fresh(), Gate()

    @app.on(path)
    def slow(exchange: Exchange) -> None:
        gate.wait()
        digest, length = hashlib.sha256(), 0
        for part in exchange.parts():
            digest.update(part)
            length += len(part)
        exchange.reply(200, f"{length} {digest.hexdigest()}")

    ask(gateway, "GET", "/app/warm-up")
    before, sent = gateway.memory_kilobytes(), [0]
    with Client(gateway, timeout=30) as client:
        framing = {"Transfer-Encoding": "chunked"} if is_chunked else {"Content-Length": str(LARGE)}
        client.request("POST", path, framing)

        def upload() -> None:
            for _ in range(LARGE // len(BLOCK)):
                client.send(b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK) if is_chunked else BLOCK)
                sent[0] += len(BLOCK)
            if is_chunked:
                client.send(b"0\r\n\r\n")

        sender = threading.Thread(target=upload)
        sender.start()
        app.await_request(path)
        assert settles(lambda: sent[0]) < ON_THE_WAY
        assert gateway.memory_kilobytes() - before < GROWTH_KILOBYTES
        gate.open()
        reply = client.reply()
        sender.join()
    digest = hashlib.sha256(BLOCK * (LARGE // len(BLOCK))).hexdigest()
    assert reply.body.decode() == f"{LARGE} {digest}"
    assert gateway.memory_kilobytes() - before < GROWTH_KILOBYTES


def test_each_part_passes_before_the_next_is_there(gateway, app):
    """A conversation: each side sends the next part only when the other's has come."""
    path = fresh()

    @app.on(path)
    def talk(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in exchange.parts():
            exchange.chunk(part.upper())
        exchange.send("0\r\n\r\n")

    with Client(gateway) as client:
        client.request("POST", path, {"Transfer-Encoding": "chunked"})
        reply = client.head()
        assert reply.status == 200 and reply.get("transfer-encoding") == "chunked"
        for word in (b"one", b"two", b"three"):
            client.send(b"%x\r\n%s\r\n" % (len(word), word))
            assert client.take_until(b"\r\n") == b"%x" % len(word)
            assert client.take_until(b"\r\n") == word.upper()
        client.send(b"0\r\n\r\n")
        assert client.take_until(b"\r\n\r\n") == b"0"


def test_trailers_pass_both_ways(gateway, app):
    path = fresh()

    @app.on(path)
    def with_trailers(exchange: Exchange) -> None:
        exchange.read()
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
        exchange.chunk("answer")
        exchange.send("0\r\nX-Sum: 42\r\nETag: \"late\"\r\n\r\n")

    with Client(gateway) as client:
        client.request("POST", path, {"Transfer-Encoding": "chunked", "TE": "trailers"})
        client.send("4;name=value\r\nbody\r\n3\r\n...\r\n0\r\nX-Check: 7\r\nX-Other: a b\r\n\r\n")
        reply = client.reply()
        # And the connection goes on.
        assert client.ask("GET", "/app/next").status == 200
    request = app.only(path)
    assert (request.body, request.trailers) == (b"body...", [("X-Check", "7"), ("X-Other", "a b")])
    assert (reply.body, reply.trailers) == (b"answer", [("x-sum", "42"), ("etag", '"late"')])
    # Extensions are for one hop only.
    assert b"name=value" not in request.connection.raw


@pytest.mark.parametrize("line", ["Content-Length: 3", "Transfer-Encoding: chunked", "Host: evil.example", "Authorization: Bearer x",
                                  "X-User-Id: admin", "x_user_id: admin", "X-Souk-Principal: admin", "Cookie: a=b"])
def test_trailers_that_would_deceive_a_service_do_not_reach_it(gateway, app, line):
    path = fresh()
    with Client(gateway) as client:
        client.request("POST", path, {"Transfer-Encoding": "chunked"})
        client.send(f"4\r\nbody\r\n0\r\nX-Good: 1\r\n{line}\r\n\r\n")
        status = client.reply().status
    name = line.split(":")[0].lower()
    for request in app.seen(path):
        assert name not in [key.lower() for key, _ in request.trailers]
        assert status == 200 or not request.is_complete
    assert status in (200, 400)


def test_answers_without_a_body(gateway, app):
    for status in (204, 304):
        path = fresh()
        app.on(path)(lambda exchange, status=status: exchange.reply(status, fields={"ETag": '"1"'}))
        with Client(gateway) as client:
            reply = client.ask("GET", path)
            assert (reply.status, reply.body, reply.get("etag")) == (status, b"", '"1"')
            assert reply.get("transfer-encoding") is None
            assert status != 204 or reply.get("content-length") is None
            assert client.ask("GET", "/app/next").status == 200


@pytest.mark.parametrize("framing", ["Content-Length: 12345", "Transfer-Encoding: chunked", "X-None: 1"])
def test_head(gateway, app, framing):
    path = fresh()
    app.on(path)(lambda exchange: exchange.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"))
    with Client(gateway) as client:
        reply = client.ask("HEAD", path)
        assert reply.status == 200 and app.only(path).method == "HEAD"
        assert reply.get("content-length") == ("12345" if "12345" in framing else None)
        # Nothing follows the head: the next answer begins right there.
        assert client.ask("GET", "/app/next").json["method"] == "GET"


def test_an_answer_of_unknown_length(gateway, app):
    path = fresh()

    @app.on(path)
    def until_close(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
        exchange.close()

    with Client(gateway) as client:
        reply = client.ask("GET", path)
        assert (reply.body, reply.framing) == (b"all of it", "chunked")
        assert client.ask("GET", "/app/next").status == 200


# -- HTTP/1.0

def test_a_client_of_http_1_0(gateway, app):
    path = fresh()

    @app.on(path)
    def chunked(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        exchange.chunk("for a client ")
        exchange.chunk("without chunks")
        exchange.send("0\r\nX-Trailer: 1\r\n\r\n")

    with Client(gateway) as client:
        client.send(f"GET {path} HTTP/1.0\r\n\r\n")
        reply = client.reply()
        assert (reply.body, reply.framing) == (b"for a client without chunks", "close")
    assert app.only(path).get("host")
    with Client(gateway) as client:
        client.send(b"GET /app/close HTTP/1.0\r\nHost: a\r\n\r\n")
        assert client.reply().get("connection") == "close" and client.is_closed()
    with Client(gateway) as client:
        for _ in range(2):
            client.send(b"GET /app/keep HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
            assert client.reply().get("connection").lower() == "keep-alive"


# -- Interim answers

def test_who_expects_100_continue_is_told_to_go_on(gateway, app):
    path = fresh()
    with Client(gateway) as client:
        client.request("POST", path, {"Expect": "100-continue", "Content-Length": "4"})
        assert client.head().status == 100
        client.send(b"body")
        assert client.reply().json["length"] == 4
    # The gateway has answered it; the service needn't.
    assert app.only(path).get("expect") is None


def test_a_service_that_says_100_too_says_it_in_vain(gateway, app):
    path = fresh()

    @app.on(path)
    def polite(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 100 Continue\r\n\r\n")
        exchange.read()
        exchange.reply(200, "done")

    with Client(gateway) as client:
        client.request("POST", path, {"Expect": "100-continue", "Content-Length": "4"}, b"body")
        reply = client.reply()
    assert reply.body == b"done" and len(reply.interim) <= 1


def test_a_body_that_is_refused_is_not_asked_for(gateway, app):
    path = fresh()
    with Client(gateway) as client:
        client.request("POST", path, {"Expect": "100-continue", "Content-Length": str(1 << 30)})
        reply = problem(client.reply(), 413)
        assert reply.interim == [] and client.is_closed()
    assert app.seen(path) == []


def test_another_expectation_cannot_be_met(gateway, app):
    path = fresh()
    with Client(gateway) as client:
        client.request("POST", path, {"Expect": "200-maybe"}, b"body")
        problem(client.reply(), 417)
    assert app.seen(path) == []


def test_103_is_passed_on(gateway, app):
    path = fresh()

    @app.on(path)
    def early(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n")
        exchange.send("HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n")
        exchange.reply(200, "late")

    reply = ask(gateway, "GET", path)
    assert reply.body == b"late"
    assert [(hint.status, hint.get("link")) for hint in reply.interim] == [
        (103, "</a.css>; rel=preload"), (103, "</b.css>; rel=preload")]
    assert reply.interim[0].get("x-hop") is None and reply.interim[0].get("connection") is None
    # HTTP/1.0 knows no interim answers (RFC 9110, section 15.2).
    with Client(gateway) as client:
        client.send(f"GET {path} HTTP/1.0\r\nHost: a\r\n\r\n")
        reply = client.reply()
        assert (reply.status, reply.interim, reply.body) == (200, [], b"late")


# -- Connections

def test_requests_of_one_client_share_a_connection_to_the_service(bench):
    app = bench.upstream()
    gateway = bench.gateway("""
upstreams: {app: {targets: ["$app"]}}
defaults: {rate_limits: []}
routes: [{path: /app/**, upstream: app}]
""", app=app)
    with Client(gateway) as client:
        for number in range(20):
            body = b"x" * number if number % 3 == 0 else None
            assert client.ask("POST" if body is not None else "GET", f"/app/{number}", body=body).status == 200
    assert len(app.connections) == 1 and len(app.connections[0].requests) == 20


def test_a_connection_that_the_service_closes_is_not_used_again(gateway, app):
    path = fresh()

    @app.on(path)
    def last(exchange: Exchange) -> None:
        exchange.read()
        exchange.reply(200, "last", {"Connection": "close"})
        exchange.wait_for_close()

    with Client(gateway) as client:
        for _ in range(3):
            reply = client.ask("POST", path, body=b"x")
            assert reply.body == b"last" and reply.get("connection") is None
    assert len({id(request.connection) for request in app.seen(path)}) == 3


def test_pipelined_requests_are_answered_in_order(gateway, app):
    paths = [fresh() for _ in range(6)]
    bodies = [b"", b"x" * 10, b"", b"y" * 100_000, b"", b"z"]

    @app.on(paths[0])
    def slow(exchange: Exchange) -> None:
        # Long enough for all of them to be there.
        time.sleep(0.1)
        exchange.reply(200, "first")

    with Client(gateway) as client:
        whole = b"".join(
            f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            for path, body in zip(paths, bodies, strict=True))
        threading.Thread(target=client.send, args=(whole,)).start()
        assert client.reply().body == b"first"
        for path, body in list(zip(paths, bodies, strict=True))[1:]:
            told = client.reply().json
            assert (told["target"], told["length"]) == (path, len(body))


def test_connection_close_ends_the_connection_and_drops_what_follows(gateway, app):
    path, after = fresh(), fresh()
    with Client(gateway) as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET {after} HTTP/1.1\r\nHost: a\r\n\r\n")
        reply = client.reply()
        assert reply.status == 200 and reply.get("connection") == "close" and client.is_closed()
    assert app.seen(after) == []
