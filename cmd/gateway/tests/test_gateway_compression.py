"""gzip where a route says so, the client takes it, and the answer is of a kind that gains by it."""

import gzip
import json
import zlib

import pytest
from h1client import Client, ask, fresh
from h2client import H2Client
from recorder import Exchange, Gate

POLICY = """
upstreams: {app: {targets: ["$app"]}}
defaults: {rate_limits: []}
routes:
  - {path: /app/**, upstream: app, compression: {min_size: 500B, types: [application/json, text/plain]}}
  - {path: /plain/**, upstream: app}
"""
TEXT = json.dumps([{"number": number, "name": "a product of a shop"} for number in range(400)])
JSON = {"Content-Type": "application/json"}
TAKES = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture(scope="module")
def app(shared_bench):
    return shared_bench.upstream()


@pytest.fixture(scope="module")
def packing(shared_bench, app):
    return shared_bench.gateway(POLICY, app=app)


def answering(app, fields=JSON, body: str | bytes = TEXT, status: int = 200, prefix: str = "/app/") -> str:
    path = fresh(prefix)
    app.on(path)(lambda exchange: (exchange.read(), exchange.reply(status, body, fields)))
    return path


@pytest.mark.parametrize("accepted", ["gzip", "gzip, br", "br, GZIP;q=0.5", "*", "x-gzip", "*;q=0.1, br"])
def test_who_takes_gzip_gets_it(packing, app, accepted):
    path = answering(app, JSON | {"ETag": '"strong"', "Content-Type": "application/json; charset=utf-8", "Vary": "Origin"})
    reply = ask(packing, "GET", path, {"Accept-Encoding": accepted})
    assert reply.get("content-encoding") == "gzip" and gzip.decompress(reply.body).decode() == TEXT
    assert len(reply.body) < len(TEXT) / 4
    assert "accept-encoding" in ", ".join(reply.all("vary")).lower() and "Origin" in ", ".join(reply.all("vary"))
    # Its length is another, and a strong validator would be of other bytes (RFC 9110, section 8.8.3.3).
    assert reply.get("content-length") in (None, str(len(reply.body)))
    assert (reply.get("etag") or "W/").startswith("W/")


@pytest.mark.parametrize("accepted", [None, "", "identity", "br", "gzip;q=0", "gzip;q=0.0, *", "*;q=0", "deflate, br;q=0.5", "gzipped"])
def test_who_does_not_take_it_does_not(packing, app, accepted):
    reply = ask(packing, "GET", answering(app), {"Accept-Encoding": accepted} if accepted is not None else ())
    assert reply.get("content-encoding") is None and reply.body.decode() == TEXT
    assert reply.get("content-length") == str(len(TEXT))


NOT = {
    "short": (JSON, TEXT[:400], 200), "an image": ({"Content-Type": "image/png"}, TEXT, 200), "no type": ({"Content-Type": ""}, TEXT, 200),
    "packed already": (JSON | {"Content-Encoding": "br"}, TEXT, 200), "a part": (JSON | {"Content-Range": "bytes 0-9/10"}, TEXT, 206),
    "not to be changed": (JSON | {"Cache-Control": "max-age=5, no-transform"}, TEXT, 200), "a type that begins alike": (
        {"Content-Type": "application/jsonx"}, TEXT, 200)}


@pytest.mark.parametrize("what", NOT)
def test_what_does_not_gain_stays_as_it_is(packing, app, what):
    fields, body, status = NOT[what]
    reply = ask(packing, "GET", answering(app, fields, body, status), TAKES)
    assert reply.get("content-encoding") == fields.get("Content-Encoding") and reply.body.decode() == body
    assert reply.get("content-length") == str(len(body))


def test_routes_that_do_not_say_so_pack_nothing(packing, app):
    assert ask(packing, "GET", answering(app, prefix="/plain/"), TAKES).body.decode() == TEXT


def test_answers_without_a_body(packing, app):
    reply = ask(packing, "HEAD", answering(app), TAKES)
    assert reply.status == 200 and reply.body == b""
    for status in (204, 304):
        reply = ask(packing, "GET", answering(app, JSON, "", status), TAKES)
        assert (reply.status, reply.body, reply.get("content-encoding")) == (status, b"", None)


def test_http_1_0_gets_no_gzip(packing, app):
    with Client(packing) as client:
        client.request("GET", answering(app), TAKES, version="1.0")
        assert client.reply().body.decode() == TEXT


def test_over_http2(packing, app):
    with H2Client(packing) as client:
        stream = client.ask("GET", answering(app), {"accept-encoding": "gzip"})
    assert stream.get("content-encoding") == "gzip" and gzip.decompress(bytes(stream.body)).decode() == TEXT
    assert stream.get("content-length") in (None, str(len(stream.body)))


def test_what_streams_is_not_held_back(packing, app):
    path, gate = fresh(), Gate()

    @app.on(path)
    def stream(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        exchange.chunk("first part")
        gate.wait()
        exchange.chunk(", last part")
        exchange.send("0\r\nX-Sum: 1\r\n\r\n")

    with Client(packing) as client:
        client.request("GET", path, TAKES)
        reply = client.head()
        assert reply.get("content-encoding") == "gzip"
        unpacker, text = zlib.decompressobj(31), b""
        parts = client.parts(reply)
        while text != b"first part":
            text += unpacker.decompress(next(parts))
        gate.open()
        for part in parts:
            text += unpacker.decompress(part)
    assert text == b"first part, last part" and unpacker.eof
    assert reply.trailers == [("x-sum", "1")]


def test_large_answers_are_packed_in_bounded_memory(packing, app):
    path, block = fresh(), bytes(range(256)) * 256

    @app.on(path)
    def large(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(400):
            exchange.chunk(block)
        exchange.send("0\r\n\r\n")

    before = packing.memory_kilobytes()
    reply = ask(packing, "GET", path, TAKES)
    assert gzip.decompress(reply.body) == block * 400
    assert packing.memory_kilobytes() - before < 24 << 10


def test_an_answer_that_breaks_off_has_no_end_either(packing, app):
    path = fresh()

    @app.on(path)
    def half(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\nhalf")
        exchange.close()

    with Client(packing) as client:
        client.request("GET", path, TAKES)
        with pytest.raises(AssertionError):
            client.reply()
