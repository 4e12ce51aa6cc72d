"""Floods of HTTP/2 end in a closed connection and cost little; requests that HTTP/1.1 can't express don't reach a service."""

import os
import select
import time

import hpack
import pytest
from h1client import ask, fresh, stranger
from h2client import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, H2Client,
    frame)
from recorder import Exchange

GROWTH_KILOBYTES = 32 << 10
FRAMES = 20_000


def request_block(path: str, fields=()) -> bytes:
    pairs = [(":method", "GET"), (":scheme", "http"), (":authority", "shop.example"), (":path", path), *fields]
    return hpack.Encoder().encode(pairs, huffman=False)


def flooded(client: H2Client, frames, reads: bool = True, patience: float = 15.0) -> bool:
    """Sends frames for as long as the gateway takes them, past the library; whether the gateway closes the connection."""
    sock, frames, waiting = client.sock, iter(frames), b""
    sock.setblocking(False)
    poll, deadline = select.poll(), time.monotonic() + patience
    while time.monotonic() < deadline:
        while len(waiting) < 64 << 10 and (data := next(frames, None)) is not None:
            waiting += data
        poll.register(sock, select.POLLRDHUP | (select.POLLIN if reads else 0) | (select.POLLOUT if waiting else 0))
        events = sum(event for _, event in poll.poll(200))
        try:
            if events & select.POLLIN and sock.recv(65_536) == b"":
                return True
            if events & (select.POLLHUP | select.POLLERR) or (not reads and events & select.POLLRDHUP):
                return True
            if events & select.POLLOUT:
                waiting = waiting[sock.send(waiting):]
        except BlockingIOError:
            pass
        except OSError:
            return True
    return False


def rapid_reset(path: str):
    block = request_block(path)
    for number in range(1, 2 * FRAMES, 2):
        yield frame(HEADERS, END_HEADERS | END_STREAM, number, block) + frame(RST_STREAM, 0, number, b"\0\0\0\x08")


def continuation(path: str):
    yield frame(HEADERS, 0, 1, request_block(path))
    piece = hpack.Encoder().encode([("x-filler", "a" * 50)], huffman=False)
    for _ in range(FRAMES):
        yield frame(CONTINUATION, 0, 1, piece)


def empty_continuation(path: str):
    yield frame(HEADERS, 0, 1, request_block(path))
    for _ in range(FRAMES):
        yield frame(CONTINUATION, 0, 1)


def settings(_):
    for _ in range(FRAMES):
        yield frame(SETTINGS, 0, 0, b"\0\x03\0\0\0\x64")


def empty_settings(_):
    for _ in range(FRAMES):
        yield frame(SETTINGS, 0, 0)


def pings(_):
    for _ in range(FRAMES):
        yield frame(PING, 0, 0, b"12345678")


def empty_data(path: str):
    block = hpack.Encoder().encode(
        [(":method", "POST"), (":scheme", "http"), (":authority", "shop.example"), (":path", path)], huffman=False)
    yield frame(HEADERS, END_HEADERS, 1, block)
    for _ in range(FRAMES):
        yield frame(DATA, 0, 1)


def small_data(path: str):
    """A body byte by byte."""
    block = hpack.Encoder().encode(
        [(":method", "POST"), (":scheme", "http"), (":authority", "shop.example"), (":path", path)], huffman=False)
    yield frame(HEADERS, END_HEADERS, 1, block)
    for _ in range(FRAMES):
        yield frame(DATA, 0, 1, b"a")


def window_updates(_):
    for _ in range(FRAMES):
        yield frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\x01")


def unknown_frames(_):
    """Which have to be ignored (RFC 9113, section 4.1), but not for ever."""
    for _ in range(FRAMES):
        yield frame(0xFA, 0, 0, b"12345678")


def priorities(_):
    for number in range(1, 2 * FRAMES, 2):
        yield frame(PRIORITY, 0, number, b"\0\0\0\0\x10")


def bad_streams(path: str):
    """Each is refused by itself; nobody needs so many of them."""
    block = request_block(path, [("connection", "close")])
    for number in range(1, 2 * FRAMES, 2):
        yield frame(HEADERS, END_HEADERS | END_STREAM, number, block)


FLOODS = [
    rapid_reset, continuation, empty_continuation, settings, empty_settings, pings, empty_data, small_data, window_updates,
    unknown_frames, priorities, bad_streams]


@pytest.mark.parametrize("flood", FLOODS, ids=[flood.__name__ for flood in FLOODS])
def test_floods(gateway, app, flood):
    path = fresh()
    app.on(path)(lambda exchange: exchange.wait_for_close(2))
    ask(gateway, "GET", "/app/warm-up")
    before = gateway.memory_kilobytes()
    with H2Client(gateway) as other, H2Client(gateway, source=stranger()) as client:
        assert other.ask("GET", "/app/other").status == 200
        assert flooded(client, flood(path))
        assert gateway.memory_kilobytes() - before < GROWTH_KILOBYTES
        # Whoever behaves is served as before.
        assert other.ask("GET", "/app/other").status == 200
    assert ask(gateway, "GET", "/app/after").status == 200
    # Far fewer reach the service than were sent.
    assert len(app.seen(path)) < 1_000


def test_a_client_that_takes_no_answers_to_its_pings_is_cut_off(gateway):
    """Answers pile up where nobody reads them."""
    before = gateway.memory_kilobytes()
    with H2Client(gateway, source=stranger()) as client:
        assert flooded(client, (frame(PING, 0, 0, os.urandom(8)) for _ in range(5 * FRAMES)), reads=False)
    assert gateway.memory_kilobytes() - before < GROWTH_KILOBYTES


@pytest.mark.parametrize("is_indexed", [False, True], ids=["literal", "from the table"])
def test_header_bombs(gateway, app, is_indexed):
    path = fresh()
    before = gateway.memory_kilobytes()
    encoder = hpack.Encoder()
    block = encoder.encode(
        [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", path), ("x-bomb", "b" * 3_000)])
    if is_indexed:
        # One byte each for another 3,000 (RFC 7541, section 6.1).
        block += bytes([0x80 | 62]) * 15_000
    else:
        block += b"".join(hpack.Encoder().encode([(f"x-{n}", "c" * 100)], huffman=False) for n in range(2_000))
    with H2Client(gateway) as client:
        data = frame(HEADERS, END_STREAM, 1, block[:16_000])
        rest = [block[start:start + 16_000] for start in range(16_000, len(block), 16_000)] or [b""]
        for index, piece in enumerate(rest):
            data += frame(CONTINUATION, END_HEADERS if index == len(rest) - 1 else 0, 1, piece)
        client.send(data)
        assert status_of(client, 1) in (None, 431)
    assert gateway.memory_kilobytes() - before < GROWTH_KILOBYTES
    assert app.seen(path) == []
    assert ask(gateway, "GET", "/app/after").status == 200


def status_of(client: H2Client, number: int) -> int | None:
    """The status of a stream that was begun behind the library's back; nil where it, or the connection, was cut without."""
    client.sock.settimeout(5)
    data = b""
    while (found := scan(data, number)) is None:
        try:
            more = client.sock.recv(65_536)
        except OSError:
            return None
        if not more:
            return None
        data += more
    return found or None


def scan(data: bytes, number: int) -> int | None:
    """The status in the first HEADERS of a stream; 0 for its RST_STREAM or a GOAWAY; nil where there is neither yet."""
    while len(data) >= 9:
        length, kind, stream = int.from_bytes(data[:3]), data[3], int.from_bytes(data[5:9]) & 0x7FFFFFFF
        if len(data) < 9 + length:
            return None
        if kind == GOAWAY or (kind == RST_STREAM and stream == number):
            return 0
        if kind == HEADERS and stream == number:
            return int(dict(hpack.Decoder().decode(data[9:9 + length]))[":status"])  # type: ignore[index]  # they are text
        data = data[9 + length:]
    return None


# -- What HTTP/1.1 would read as something else

GOOD = [(":method", "POST"), (":scheme", "http"), (":authority", "shop.example"), (":path", "PATH")]
POISON = "\r\n\r\nGET /app/poison-MARK HTTP/1.1\r\nHost: a\r\n\r\n"


def changed(name: str, value: str) -> list[tuple[str, str]]:
    return [(key, value if key == name else old) for key, old in GOOD]


SMUGGLED = {
    "Transfer-Encoding": GOOD + [("transfer-encoding", "chunked")],
    "Transfer-Encoding, capital": GOOD + [("Transfer-Encoding", "chunked")],
    "Connection": GOOD + [("connection", "keep-alive, content-length")],
    "Upgrade": GOOD + [("upgrade", "websocket")],
    "Proxy-Connection": GOOD + [("proxy-connection", "keep-alive")],
    "Keep-Alive": GOOD + [("keep-alive", "timeout=5")],
    "TE other than trailers": GOOD + [("te", "gzip")],
    "Content-Length too short": GOOD + [("content-length", "2")],
    "Content-Length too long": GOOD + [("content-length", "2000")],
    "two Content-Lengths": GOOD + [("content-length", "7"), ("content-length", "0")],
    "a list as Content-Length": GOOD + [("content-length", "7, 7")],
    "a signed Content-Length": GOOD + [("content-length", "+7")],
    "CRLF in a value": GOOD + [("x-a", f"b{POISON}")],
    "LF in a value": GOOD + [("x-a", "b\nTransfer-Encoding: chunked")],
    "CR in a value": GOOD + [("x-a", "b\rTransfer-Encoding: chunked")],
    "NUL in a value": GOOD + [("x-a", "b\0c")],
    "CRLF in a name": GOOD + [(f"x-a: b{POISON}x-b", "c")],
    "a colon in a name": GOOD + [("x-a: b", "c")],
    "Transfer-Encoding in a name": GOOD + [("transfer-encoding:chunked", "")],
    "a space in a name": GOOD + [("content-length ", "2")],
    "an empty name": GOOD + [("", "c")],
    "CRLF in a cookie": GOOD + [("cookie", f"a=b{POISON}")],
    "CRLF in the path": changed(":path", f"PATH HTTP/1.1{POISON}"),
    "a space in the path": changed(":path", "PATH HTTP/1.1"),
    "a tab in the path": changed(":path", "PATH\tHTTP/1.1"),
    "an empty path": changed(":path", ""),
    "an absolute path": changed(":path", "http://evil.example/app/poison-MARK"),
    "no path": [pair for pair in GOOD if pair[0] != ":path"],
    "two paths": GOOD + [(":path", "/app/poison-MARK")],
    "CRLF in the method": changed(":method", f"POST PATH HTTP/1.1{POISON}"),
    "a space in the method": changed(":method", "GET /app/poison-MARK HTTP/1.1\r\nX-A: POST"),
    "a method and a path": changed(":method", "GET /app/poison-MARK"),
    "CONNECT": [(":method", "CONNECT"), (":authority", "shop.example:80")],
    "two methods": GOOD + [(":method", "GET")],
    "CRLF in the authority": changed(":authority", f"shop.example{POISON}"),
    "a path in the authority": changed(":authority", "shop.example/app/poison-MARK"),
    "userinfo in the authority": changed(":authority", "a@shop.example"),
    "another Host": GOOD + [("host", "evil.example")],
    "two Hosts": GOOD + [("host", "shop.example"), ("host", "evil.example")],
    "a pseudo-field too late": GOOD[:3] + [("x-a", "b"), (":path", "PATH")],
    "an unknown pseudo-field": GOOD + [(":protocol", "websocket")],
    "an answer's pseudo-field": GOOD + [(":status", "200")],
}


@pytest.mark.parametrize("what", SMUGGLED)
def test_smuggling_through_http2(gateway, app, what):
    mark = fresh("")
    path = f"/app/{mark}"
    fields = [(name.replace("MARK", mark), value.replace("MARK", mark).replace("PATH", path)) for name, value in SMUGGLED[what]]
    block = hpack.Encoder().encode(fields, huffman=False)
    with H2Client(gateway) as client:
        client.send(frame(HEADERS, END_HEADERS, 1, block) + frame(DATA, END_STREAM, 1, b"0\r\n\r\nG "))
        status = status_of(client, 1)
    assert status is None or 400 <= status < 600, f"answered {status}"
    for request in app.seen(mark):
        assert not request.is_complete, f"the service got {request.head!r}"
    assert app.seen("poison") == []
    assert ask(gateway, "GET", "/app/after").status == 200


def test_trailers_cannot_inject_lines(gateway, app):
    mark = fresh("")
    with H2Client(gateway) as client:
        number = client.start("POST", f"/app/{mark}", ends=False)
        client.upload(number, b"body", ends=False)
        client.h2.send_headers(number, [("x-a", f"b\r\n\r\nGET /app/poison-{mark} HTTP/1.1\r\nHost: a\r\n\r\n")], end_stream=True)
        client.flush()
        client.pump(lambda: client.streams[number].is_over or client.is_closed)
    assert app.seen("poison") == []


def test_an_answer_cannot_inject_fields(gateway, app):
    path = fresh()

    @app.on(path)
    def strange(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nX-A: b\rX-B: c\r\nContent-Length: 0\r\n\r\n")
        exchange.wait_for_close()

    with H2Client(gateway) as client:
        assert client.ask("GET", path).status == 502

