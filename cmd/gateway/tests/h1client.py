"""A client of HTTP/1.1 that sends what it is told byte for byte, and reads answers strictly."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import socket
import ssl


class Cut(AssertionError):
    """The connection ended where an answer had not."""


@dataclasses.dataclass
class Reply:
    status: int
    fields: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    # 103 and the like that came before.
    interim: list["Reply"] = dataclasses.field(default_factory=list)
    framing: str = "none"

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """One connection to a gateway."""

    def __init__(self, gateway, timeout: float = 10.0, receive_buffer: int | None = None, context: ssl.SSLContext | None = None,
                 source: str = "127.0.0.1"):
        self.received = b""
        self.sock = socket.socket()
        self.sock.settimeout(timeout)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.sock.bind((source, 0))
            self.sock.connect(("127.0.0.1", gateway.port))
            if context := context or gateway.context:
                self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
        except OSError:
            self.sock.close()
            raise

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    # -- sending

    def send(self, data: bytes | str) -> None:
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def request(self, method: str, target: str, fields=(), body: bytes | None = None, version: str = "1.1") -> None:
        """A whole request with Host, and Content-Length where there is a body; `fields` are pairs or a mapping."""
        self.send(request_bytes(method, target, fields, body, version))

    # -- reading

    def reply(self, method: str = "GET") -> Reply:
        """The next answer, whole. Raises `Cut` when the connection ends before it does."""
        interim = []
        while True:
            reply = self.head()
            if reply.status >= 200 or reply.status == 101:
                break
            interim.append(reply)
        reply.interim = interim
        if reply.status != 101:
            for part in self.parts(reply, method):
                reply.body += part
        return reply

    def ask(self, method: str, target: str, fields=(), body: bytes | None = None) -> Reply:
        self.request(method, target, fields, body)
        return self.reply(method)

    def head(self) -> Reply:
        """The next head, interim ones too."""
        first, *lines = self.take_until(b"\r\n\r\n").split(b"\r\n")
        line = re.fullmatch(rb"HTTP/1\.1 (\d{3}) ([\t\x20-\x7e]*)", first)
        assert line, f"status line {first!r}"
        return Reply(int(line[1]), read_fields(lines))

    def parts(self, reply: Reply, method: str = "GET"):
        """The body as it comes."""
        length, coding = reply.get("content-length"), reply.get("transfer-encoding")
        assert length is None or coding is None, "an answer with both Content-Length and Transfer-Encoding"
        if method == "HEAD" or reply.status in (204, 304):
            return
        if coding is not None:
            assert coding == "chunked"
            reply.framing = "chunked"
            while size := int(self.take_until(b"\r\n"), 16):
                yield from self.portions(size)
                assert self.exactly(2) == b"\r\n"
            lines = []
            while line := self.take_until(b"\r\n"):
                lines.append(line)
            reply.trailers = read_fields(lines)
        elif length is not None:
            reply.framing = "length"
            yield from self.portions(int(length))
        else:
            reply.framing = "close"
            while self.received or self.fill():
                part, self.received = self.received, b""
                yield part

    def fill(self) -> bool:
        """Reads what is there; false at a clean end."""
        try:
            data = self.sock.recv(262_144)
        except ConnectionError as error:
            raise Cut(f"reset: {error}") from error
        except ssl.SSLEOFError as error:
            raise Cut(f"TLS was cut: {error}") from error
        self.received += data
        return bool(data)

    def take_until(self, mark: bytes) -> bytes:
        while mark not in self.received:
            assert len(self.received) < 1 << 20
            if not self.fill():
                raise Cut(f"ended after {self.received[:200]!r}")
        found, _, self.received = self.received.partition(mark)
        return found

    def portions(self, count: int):
        while count:
            if not self.received and not self.fill():
                raise Cut(f"{count} bytes are missing")
            part, self.received = self.received[:count], self.received[count:]
            count -= len(part)
            yield part

    def exactly(self, count: int) -> bytes:
        return b"".join(self.portions(count))

    def rest(self) -> bytes:
        """Everything until the gateway closes the connection, however it does."""
        found = []
        try:
            while self.received or self.fill():
                found.append(self.received)
                self.received = b""
        except Cut:
            pass
        return b"".join(found)

    def is_closed(self) -> bool:
        """Whether the gateway closes the connection and says nothing more."""
        return self.rest() == b""


def request_bytes(method: str, target: str, fields=(), body: bytes | None = None, version: str = "1.1") -> bytes:
    pairs = list(fields.items() if isinstance(fields, dict) else fields)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("Host", "shop.example"))
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        pairs.append(("Content-Length", str(len(body))))
    head = f"{method} {target} HTTP/{version}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in pairs) + "\r\n"
    return head.encode("latin-1") + (body or b"")


def ask(gateway, method: str, target: str, fields=(), body: bytes | None = None, **options) -> Reply:
    """One request on a connection of its own."""
    with Client(gateway, **options) as client:
        return client.ask(method, target, fields, body)


def read_fields(lines: list[bytes]) -> list[tuple[str, str]]:
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        assert colon and re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name), f"field line {line!r}"
        assert b"\r" not in value and b"\n" not in value and b"\0" not in value, f"field line {line!r}"
        fields.append((name.decode().lower(), value.strip().decode("latin-1")))
    return fields


def problem(reply: Reply, status: int, code: str | None = None) -> Reply:
    """Checks that it is a problem of the gateway's own (RFC 9457)."""
    assert reply.status == status, f"{reply.status} instead of {status}: {reply.body[:300]}"
    assert reply.get("content-type") == "application/problem+json"
    document = reply.json
    assert document["status"] == status and document["instance"] == f"urn:souk:request:{reply.get('x-request-id')}"
    assert code is None or document["code"] == code, document
    return reply


def stranger() -> str:
    """A loopback address that no other test uses: a client of its own."""
    return f"127.{secrets.randbelow(254) + 1}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"


def fresh(prefix: str = "/app/") -> str:
    """A path that no other test uses."""
    return prefix + secrets.token_hex(6)
