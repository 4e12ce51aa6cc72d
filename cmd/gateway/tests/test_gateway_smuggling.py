"""Request smuggling over HTTP/1.1: of bytes that two readers could divide differently, a service sees one request or none.

Each attack carries a second request that some reader would take for one. Nobody may ever see it come out.
"""

import re

import pytest
from h1client import Client, Cut, ask, fresh
from h2client import H2Client

POISON = "GET /app/poison-MARK HTTP/1.1\r\nHost: a\r\n\r\n"
POST = "POST /app/MARK HTTP/1.1\r\nHost: a\r\n"
GET = "GET /app/MARK HTTP/1.1\r\nHost: a\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"


def chunked(field: str, more: str = "") -> str:
    """A field that one reader takes for chunked and another for nothing: with a body that is empty for the first."""
    return f"{POST}{more}{field}\r\n\r\n0\r\n\r\n{POISON}"


def sized(field: str) -> str:
    """A field that one reader takes for the length of the poison, and another for none."""
    return f"{POST}{field}\r\n\r\n{POISON}"



REFUSED = {
    # -- two framings
    "Content-Length and Transfer-Encoding": chunked("Transfer-Encoding: chunked", "Content-Length: N\r\n"),
    "Transfer-Encoding and Content-Length": chunked("Content-Length: N", CHUNKED),
    "Content-Length 0 and Transfer-Encoding": chunked("Transfer-Encoding: chunked", "Content-Length: 0\r\n"),
    "both in a GET": f"{GET}Content-Length: N\r\n{CHUNKED}\r\n0\r\n\r\n{POISON}",
    # -- Transfer-Encoding that is not quite chunked
    **{f"Transfer-Encoding: {value!r}": chunked(f"Transfer-Encoding: {value}") for value in (
        "xchunked", "chunkedx", "chunked chunked", "chunked, chunked", "chunked,identity", "identity", "identity, chunked",
        "gzip, chunked", "chunked, gzip", "chunked;q=1", "chunked;x=\"y\"", "\"chunked\"", "'chunked'", "chunked\x0b", "\x0bchunked",
        "chunked\x00", "chunked\x7f", ",", "", "chunked\xa0", "\xefchunked", "c\\hunked", "chun\tked", "cow", "chunked, cow")},
    "two Transfer-Encoding, the last chunked": chunked("Transfer-Encoding: chunked", "Transfer-Encoding: cow\r\n"),
    "two Transfer-Encoding, the first chunked": chunked("Transfer-Encoding: cow", CHUNKED),
    "chunked twice": chunked("Transfer-Encoding: chunked", CHUNKED),
    "a space before the colon": chunked("Transfer-Encoding : chunked", "Content-Length: N\r\n"),
    "a tab before the colon": chunked("Transfer-Encoding\t: chunked", "Content-Length: N\r\n"),
    "a space before the name": chunked(" Transfer-Encoding: chunked", "Content-Length: N\r\n"),
    "a tab before the name": chunked("\tTransfer-Encoding: chunked", "X-A: b\r\n"),
    "a value on the next line": chunked("Transfer-Encoding:\r\n chunked", "Content-Length: N\r\n"),
    "a value on the next line behind a tab": chunked("Transfer-Encoding:\r\n\tchunked", "Content-Length: N\r\n"),
    "a value that goes on": chunked("Transfer-Encoding: chun\r\n ked", "Content-Length: N\r\n"),
    "a bare LF before it": chunked("X-A: b\nTransfer-Encoding: chunked", "Content-Length: N\r\n"),
    "a bare CR before it": chunked("X-A: b\rTransfer-Encoding: chunked", "Content-Length: N\r\n"),
    "a NUL in the name": chunked("Transfer-Encoding\0: chunked", "Content-Length: N\r\n"),
    "a NUL before it": chunked("\0Transfer-Encoding: chunked", "Content-Length: N\r\n"),
    "no colon": chunked("Transfer-Encoding chunked", "Content-Length: N\r\n"),
    "a quoted name": chunked('"Transfer-Encoding": chunked', "Content-Length: N\r\n"),
    "with HTTP/1.0": f"POST /app/MARK HTTP/1.0\r\nHost: a\r\n{CHUNKED}Connection: keep-alive\r\n\r\n0\r\n\r\n{POISON}",
    "with HTTP/1.0 and a length": f"POST /app/MARK HTTP/1.0\r\nHost: a\r\nContent-Length: N\r\n{CHUNKED}\r\n0\r\n\r\n{POISON}",
    # -- Content-Length
    "two lengths": sized("Content-Length: 0\r\nContent-Length: N"),
    "two lengths the other way": sized("Content-Length: N\r\nContent-Length: 0"),
    "the same length twice": sized("Content-Length: N\r\nContent-Length: N"),
    "a length twice in a line": sized("Content-Length: N, N"),
    "two lengths in a line": sized("Content-Length: 0, N"),
    "two lengths in another case": sized("Content-Length: 0\r\ncontent-LENGTH: N"),
    **{f"Content-Length: {value!r}": sized(f"Content-Length: {value}") for value in (
        "+N", "-N", "-1", "0xN", "N.0", "Ne0", "N N", "\"N\"", "N;", "N\x0b", "\x0bN", "N\0", "", " ", "0 N", "٣", "1_0", "99999999999999999999",
        "18446744073709551616", "9223372036854775808")},
    "a length with a space before the colon": sized("Content-Length : N"),
    "a length on the next line": sized("Content-Length:\r\n N"),
    "a length behind a bare LF": sized("X-A: b\nContent-Length: N"),
    "a length behind a bare CR": sized("X-A: b\rContent-Length: N"),
    "a length behind a NUL": sized("X-A: b\0\r\nContent-Length: N"),
    "lengths that Connection names": sized("Connection: Content-Length\r\nContent-Length: N"),
    "an encoding that Connection names": chunked("Transfer-Encoding: chunked", "Connection: close, transfer-encoding\r\n"),
    "a Host that Connection names": f"{GET}Connection: host\r\n\r\n{POISON}",
    # -- chunks
    **{f"chunk size {size!r}": f"{POST}{CHUNKED}\r\n{size}\r\nab\r\n0\r\n\r\n{POISON}" for size in (
        "0x2", "2 ", " 2", "\t2", "+2", "-2", "2h", "", "g", "2\0", "\"2\"", "2_", "00000000000000002", "FFFFFFFFFFFFFFFF", "8000000000000000",
        "10000000000000002", "2,2", "2\x0b", "2 ;a", "2; a", "2;a =b", "2;a= b", "2;", "2;a=", "2;=b", "2;a=\"b", "2;a\x0b", "2;a\r", "2;a=b\x00")},
    "a chunk longer than its size": f"{POST}{CHUNKED}\r\n2\r\nabcd\r\n0\r\n\r\n{POISON}",
    "a chunk size that ends in LF": f"{POST}{CHUNKED}\r\n2\nab\r\n0\r\n\r\n{POISON}",
    "a chunk that ends in LF": f"{POST}{CHUNKED}\r\n2\r\nab\n0\r\n\r\n{POISON}",
    "a chunk that ends in CR": f"{POST}{CHUNKED}\r\n2\r\nab\r0\r\n\r\n{POISON}",
    "a chunk without an end": f"{POST}{CHUNKED}\r\n2\r\nab0\r\n\r\n{POISON}",
    "a chunk size that ends in CR": f"{POST}{CHUNKED}\r\n2\rab\r\n0\r\n\r\n{POISON}",
    "an extension with a bare LF": f"{POST}{CHUNKED}\r\n2;a=b\nab\r\n0\r\n\r\n{POISON}",
    "an extension with a quoted LF": f'{POST}{CHUNKED}\r\n2;a="\n"\r\nab\r\n0\r\n\r\n{POISON}',
    "large extensions": f"{POST}{CHUNKED}\r\n2;{'a' * 20_000}\r\nab\r\n0\r\n\r\n{POISON}",
    "many extensions": f"{POST}{CHUNKED}\r\n" + "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\na\r\n" * 300 + f"0\r\n\r\n{POISON}",
    "a trailer that frames": f"{POST}{CHUNKED}\r\n0\r\nContent-Length: N\r\n\r\n{POISON}",
    "a trailer that goes on": f"{POST}{CHUNKED}\r\n0\r\nX-A: b\r\n c\r\n\r\n{POISON}",
    "a trailer with a bare LF": f"{POST}{CHUNKED}\r\n0\r\nX-A: b\n\r\n{POISON}",
    "trailers that end in LF": f"{POST}{CHUNKED}\r\n0\r\n\n{POISON}",
    # -- lines
    "bare LFs": GET.replace("\r\n", "\n") + "\n" + POISON,
    "a bare LF as the last line": f"{GET}\n{POISON}",
    "a bare CR as the last line": f"{GET}\r{POISON}",
    "a bare CR in a value": f"{GET}X-A: b\rc\r\n\r\n{POISON}",
    "two CRs": f"GET /app/MARK HTTP/1.1\r\r\nHost: a\r\n\r\n{POISON}",
    "a NUL in a value": f"{GET}X-A: b\0c\r\n\r\n{POISON}",
    "a NUL in a name": f"{GET}X\0A: b\r\n\r\n{POISON}",
    "obs-fold": f"{GET}X-A: b\r\n c\r\n\r\n{POISON}",
    "obs-fold with a tab": f"{GET}X-A: b\r\n\tc\r\n\r\n{POISON}",
    "obs-fold in the first field": f"GET /app/MARK HTTP/1.1\r\n X-A: b\r\nHost: a\r\n\r\n{POISON}",
    "an empty name": f"{GET}: b\r\n\r\n{POISON}",
    "a line without a colon": f"{GET}nothing\r\n\r\n{POISON}",
    "parentheses in a name": f"{GET}X-(A): b\r\n\r\n{POISON}",
    "UTF-8 in a name": f"{GET}X-\xc3\xa4: b\r\n\r\n{POISON}",
    # -- request lines
    "two spaces": f"GET  /app/MARK HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "two spaces before the version": f"GET /app/MARK  HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "a tab": f"GET\t/app/MARK\tHTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "a space in the target": f"GET /app/MARK /x HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "a space at the end": f"GET /app/MARK HTTP/1.1 \r\nHost: a\r\n\r\n{POISON}",
    "a space at the start": f" GET /app/MARK HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "HTTP/0.9": f"GET /app/MARK\r\n\r\n{POISON}",
    "HTTP/1.2": f"GET /app/MARK HTTP/1.2\r\nHost: a\r\n\r\n{POISON}",
    "HTTP/1.10": f"GET /app/MARK HTTP/1.10\r\nHost: a\r\n\r\n{POISON}",
    "HTTP/01.1": f"GET /app/MARK HTTP/01.1\r\nHost: a\r\n\r\n{POISON}",
    "http/1.1": f"GET /app/MARK http/1.1\r\nHost: a\r\n\r\n{POISON}",
    "HTTP/2.0": f"GET /app/MARK HTTP/2.0\r\nHost: a\r\n\r\n{POISON}",
    "a fragment": f"GET /app/MARK#x HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "a NUL in the target": f"GET /app/MARK\0 HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "UTF-8 in the target": f"GET /app/MARK\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "CONNECT": f"CONNECT shop.example:80 HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "a star": f"GET * HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "a target without a slash": f"GET app/MARK HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "another scheme": f"GET gopher://a/app/MARK HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "an absolute target of another host": f"GET http://b.example/app/MARK HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "an absolute target with userinfo": f"GET http://u@a/app/MARK HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "an absolute target without a host": f"GET http:///app/MARK HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "a method with a colon": f"GET: /app/MARK HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "a long method": f"{'G' * 100} /app/MARK HTTP/1.1\r\nHost: a\r\n\r\n{POISON}",
    "many empty lines": "\r\n" * 50 + f"{GET}\r\n{POISON}",
    # -- Host
    "no Host": f"GET /app/MARK HTTP/1.1\r\n\r\n{POISON}",
    "two Hosts": f"{GET}Host: b\r\n\r\n{POISON}",
    "the same Host twice": f"{GET}Host: a\r\n\r\n{POISON}",
    **{f"Host: {host!r}": f"GET /app/MARK HTTP/1.1\r\nHost: {host}\r\n\r\n{POISON}" for host in (
        "", "a b", "a/b", "a@b", "a,b", "a:b", "a:", "a:999999", "http://a", "a\tb", "[::1", "a%20b", "a?b", "a#b", "a\\b")},
}


def replies(client: Client) -> list[int]:
    """The statuses of all that comes, until the gateway closes or has nothing more to say."""
    statuses = []
    client.sock.settimeout(5)
    while True:
        try:
            statuses.append(client.reply().status)
        except (Cut, TimeoutError):
            return statuses


def run(text: str) -> tuple[str, bytes]:
    mark = fresh("")
    text = text.replace("MARK", mark)
    poison = POISON.replace("MARK", mark)
    # As long as all that a reader of the other framing would swallow.
    swallowed = poison if not re.search("chunked", text, re.I) else "0\r\n\r\n" + poison
    text = re.sub(r"(?<![A-Za-z])N(?![A-Za-z])|(?<=0x)N|(?<=\+)N|N(?=e0)", str(len(swallowed)), text)
    return mark, text.encode("latin-1", "ignore") if "٣" not in text else text.encode()


@pytest.mark.parametrize("what", REFUSED)
def test_what_can_be_read_in_two_ways_is_not_read(gateway, app, what):
    mark, data = run(REFUSED[what])
    with Client(gateway) as client:
        client.send(data)
        statuses = replies(client)
    assert len(statuses) == 1 and statuses[0] in (400, 414, 431, 501, 505), statuses
    assert not any(request.is_complete for request in app.seen(mark)), [request.head for request in app.seen(mark)]
    assert app.seen(f"poison-{mark}") == []


@pytest.mark.parametrize("what", REFUSED)
def test_nothing_of_it_gets_into_the_next_request(gateway, app, what):
    """In front of it and behind it are good requests, which are answered as if it were not there."""
    mark, data = run(REFUSED[what])
    with Client(gateway) as client:
        client.send(f"GET /app/before-{mark} HTTP/1.1\r\nHost: a\r\n\r\n".encode() + data)
        assert client.reply().json["target"] == f"/app/before-{mark}"
        assert len(replies(client)) == 1
    after = ask(gateway, "GET", f"/app/after-{mark}")
    assert after.json["target"] == f"/app/after-{mark}" and after.json["length"] == 0
    assert app.seen("poison") == []
    for request in app.seen(mark):
        assert b"poison" not in bytes(request.connection.raw)


POISON_BODY = "GET /app/poison-MARK HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n"
TAKEN = {
    # What looks strange and can be read in one way only; the request, and the body that the service has to see.
    "a request as a body": (f"{POST}Content-Length: {{length}}\r\n\r\n{POISON_BODY}", POISON_BODY),
    "a request as a body of GET": (f"{GET}Content-Length: {{length}}\r\n\r\n{POISON_BODY}", POISON_BODY),
    "a request as a chunk": (f"{POST}{CHUNKED}\r\n{{hex}}\r\n{POISON_BODY}\r\n0\r\n\r\n", POISON_BODY),
    "chunked in capitals": (f"{POST}TRANSFER-ENCODING: CHUNKED\r\n\r\n2\r\nab\r\n0\r\n\r\n", "ab"),
    "white space around chunked": (f"{POST}Transfer-Encoding: \t chunked \t\r\n\r\n2\r\nab\r\n0\r\n\r\n", "ab"),
    "zeros before a chunk size": (f"{POST}{CHUNKED}\r\n0002\r\nab\r\n000\r\n\r\n", "ab"),
    "chunk extensions": (f"{POST}{CHUNKED}\r\n2;a;b=c;d=\"e\\\"f\"\r\nab\r\n0;x\r\n\r\n", "ab"),
    "zeros before a length": (f"{POST}Content-Length: 002\r\n\r\nab", "ab"),
    "an absolute target": ("POST http://a/app/MARK HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", "ab"),
    "an absolute target in capitals": ("POST HTTP://A/app/MARK HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", "ab"),
    "an empty line in front": (f"\r\n{POST}Content-Length: 2\r\n\r\nab", "ab"),
    "Latin-1 in a value": (f"{POST}X-A: \xe4\xf6\r\nContent-Length: 2\r\n\r\nab", "ab"),
    "no space behind a colon": (f"{POST}Content-Length:2\r\n\r\nab", "ab"),
    "names that end alike": (f"{POST}X-Content-Length: 7\r\nX-Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nab", "ab"),
}


@pytest.mark.parametrize("is_slow", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("what", TAKEN)
def test_what_can_be_read_in_one_way_is_one_request(gateway, app, what, is_slow):
    mark = fresh("")
    text, body = (part.replace("MARK", mark) for part in TAKEN[what])
    text = text.replace("{length}", str(len(body))).replace("{hex}", f"{len(body):x}")
    with Client(gateway) as client:
        for piece in text if is_slow else [text]:
            client.send(piece)
        assert client.reply().json["length"] == len(body)
        assert client.ask("GET", f"/app/after-{mark}").json["target"] == f"/app/after-{mark}"
    request = app.only(f"/{mark}")
    assert request.body == body.encode() and request.target == f"/app/{mark}"
    assert app.seen("poison") == []


def test_a_request_behind_one_that_is_refused_for_its_size_is_not_read(gateway, app):
    mark = fresh("")
    poison = POISON.replace("MARK", mark)
    with Client(gateway) as client:
        client.send(f"POST /app/{mark} HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n{poison}")
        assert replies(client) == [413]
    assert app.seen(mark) == []


def test_bytes_behind_an_upgrade_that_was_refused_are_a_request(gateway, app):
    """And not a tunnel, through which a client could say to the service what it likes."""
    mark = fresh("")
    app.on(f"/app/{mark}")(lambda exchange: exchange.reply(426, "no"))
    with Client(gateway) as client:
        client.send(
            f"GET /app/{mark} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"
            f"GET /app/second-{mark} HTTP/1.1\r\nHost: a\r\nX-User-Id: admin\r\n\r\n")
        assert client.reply().status == 426
        assert client.reply().status == 200
    assert app.only(f"second-{mark}").get("x-user-id") is None


def test_both_protocols_give_the_service_the_same(gateway, app):
    one, two = fresh(), fresh()
    fields = {"accept": "text/html", "x-user-id": "admin", "x-own": "1", "content-type": "text/plain"}
    assert ask(gateway, "POST", one, fields, b"body").status == 200
    with H2Client(gateway) as client:
        assert client.ask("POST", two, fields | {"content-length": "4"}, b"body").status == 200
    different = {"x-request-id", "traceparent"}
    first, second = (
        {name.lower(): value for name, value in app.only(path).fields if name.lower() not in different} for path in (one, two))
    assert first == second


def test_half_a_preface_of_http2_is_no_way_in(gateway, app):
    mark = fresh("")
    with Client(gateway) as client:
        client.send(f"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n{POISON.replace('MARK', mark)}")
        assert client.rest().count(b"HTTP/1.1 200") == 0
    assert app.seen(mark) == []
