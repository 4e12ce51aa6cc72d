"""A service that writes down every byte that it gets, and answers as a test's script says."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

from gateway_process import wait_until

FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
REQUEST_LINE = re.compile(rb"([A-Za-z]+) ([\x21-\x7e]+) HTTP/1\.1")


class Malformed(Exception):
    """What came is no request that can be read in one way only."""


@dataclasses.dataclass
class Request:
    method: str
    target: str
    fields: list[tuple[str, str]]
    head: bytes
    connection: "Connection"
    body: bytes = b""
    trailers: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    is_complete: bool = False

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.fields}


class Connection:
    """One connection of the gateway's: its bytes, and how it ended."""

    def __init__(self, sock: socket.socket, everything: list["Request"]):
        self.sock, self.raw, self.waiting, self.everything = sock, bytearray(), b"", everything
        # Set once the gateway has closed it.
        self.gone = threading.Event()
        self.requests: list[Request] = []
        self.fault: str | None = None

    def fill(self) -> bool:
        """Reads what is there; false at the end."""
        try:
            data = self.sock.recv(262_144)
        except OSError:
            data = b""
        if not data:
            self.gone.set()
            return False
        # All of a large body need not be kept.
        if len(self.raw) < 4 << 20:
            self.raw += data
        self.waiting += data
        return True

    def take_until(self, mark: bytes) -> bytes | None:
        while mark not in self.waiting:
            if len(self.waiting) > 1 << 20:
                raise Malformed(f"no {mark!r} in a megabyte")
            if not self.fill():
                if self.waiting:
                    raise Malformed(f"ended within {self.waiting[:200]!r}")
                return None
        found, _, self.waiting = self.waiting.partition(mark)
        return found

    def head(self) -> Request | None:
        head = self.take_until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.split(b"\r\n")
        line = REQUEST_LINE.fullmatch(first)
        if not line:
            raise Malformed(f"request line {first!r}")
        fields = read_fields(lines)
        request = Request(line[1].decode(), line[2].decode(), fields, head, self)
        framing = request.all("content-length") + request.all("transfer-encoding")
        if len(framing) > 1 or len(request.all("host")) != 1:
            raise Malformed(f"ambiguous head {head!r}")
        self.requests.append(request)
        self.everything.append(request)
        return request

    def parts(self, request: Request) -> Iterator[bytes]:
        """The body as it comes. Afterwards the request is complete, unless the gateway has gone before its end."""
        length, coding = request.get("content-length"), request.get("transfer-encoding")
        if coding is not None:
            if coding.lower() != "chunked":
                raise Malformed(f"Transfer-Encoding {coding!r}")
            request.is_complete = yield from self.chunks(request)
        elif length is not None:
            if not re.fullmatch(r"\d+", length):
                raise Malformed(f"Content-Length {length!r}")
            request.is_complete = yield from self.bytes(int(length))
        else:
            request.is_complete = True

    def chunks(self, request: Request):
        while (line := self.line()) is not None:
            # The gateway drops extensions, so there is only a size.
            if not re.fullmatch(rb"[0-9A-Fa-f]+", line):
                raise Malformed(f"chunk size {line!r}")
            size = int(line, 16)
            if size == 0:
                lines = []
                while line := self.line():
                    lines.append(line)
                request.trailers = read_fields(lines)
                return line is not None
            if not (yield from self.bytes(size)):
                return False
            end = self.line()
            if end:
                raise Malformed(f"after a chunk {end[:20]!r}")
        return False

    def line(self) -> bytes | None:
        """A line without its CRLF; nil where the gateway goes away within it."""
        while b"\r\n" not in self.waiting:
            if not self.fill():
                return None
        found, _, self.waiting = self.waiting.partition(b"\r\n")
        return found

    def bytes(self, count: int):
        """So many bytes, bit by bit; false where the gateway goes away before."""
        while count:
            if not self.waiting and not self.fill():
                return False
            part, self.waiting = self.waiting[:count], self.waiting[count:]
            count -= len(part)
            yield part
        return True


def read_fields(lines: list[bytes]) -> list[tuple[str, str]]:
    fields = []
    for line in lines:
        field = FIELD.fullmatch(line)
        if not field:
            raise Malformed(f"field line {line!r}")
        fields.append((field[1].decode(), field[2].decode("latin-1")))
    return fields


class Exchange:
    """What a script has in hand: the request, and the way to answer it."""

    def __init__(self, upstream: "Upstream", request: Request):
        self.upstream, self.request, self.connection = upstream, request, request.connection
        self.closes = False
        self.rest = self.connection.parts(request)

    def read(self) -> bytes:
        """The (rest of the) body."""
        self.request.body += b"".join(self.rest)
        return self.request.body

    def parts(self) -> Iterator[bytes]:
        """The body, bit by bit; it is not kept."""
        return self.rest

    def send(self, data: bytes | str) -> None:
        self.connection.sock.sendall(data.encode() if isinstance(data, str) else data)

    def reply(self, status: int = 200, body: bytes | str = b"", fields: dict[str, str] | None = None) -> None:
        body = body.encode() if isinstance(body, str) else body
        fields = {"Content-Type": "text/plain"} | (fields or {})
        if status not in (204, 304) and "Transfer-Encoding" not in fields:
            fields = {"Content-Length": str(len(body))} | fields
        head = f"HTTP/1.1 {status} Answer\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.send(head.encode() + b"\r\n" + (b"" if self.request.method == "HEAD" or status in (204, 304) else body))

    def chunk(self, data: bytes | str) -> None:
        data = data.encode() if isinstance(data, str) else data
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def close(self) -> None:
        """Cuts the connection here."""
        self.closes = True
        with contextlib.suppress(OSError):
            self.connection.sock.shutdown(socket.SHUT_RDWR)

    def wait_for_close(self, seconds: float = 10.0) -> bool:
        """Whether the gateway closes the connection; what comes before that is thrown away."""
        self.connection.sock.settimeout(seconds)
        while self.connection.fill():
            self.connection.waiting = b""
        return self.connection.gone.is_set()


Script = Callable[[Exchange], None]


def echo(exchange: Exchange) -> None:
    """Tells what the request was."""
    body, request = exchange.read(), exchange.request
    exchange.reply(200, json.dumps({
        "method": request.method, "target": request.target, "fields": request.fields, "length": len(body),
        "by": exchange.upstream.name}), {"Content-Type": "application/json"})


class Upstream:
    def __init__(self, script: Script = echo, name: str = "app", port: int = 0):
        self.name, self.script, self.scripts = name, script, {}
        self.connections: list[Connection] = []
        # In the order in which they came, whichever connection they came on.
        self.requests: list[Request] = []
        self.listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.is_open = True
        threading.Thread(target=self.accept, daemon=True).start()

    def __str__(self) -> str:
        return f"127.0.0.1:{self.port}"

    def on(self, path: str) -> Callable[[Script], Script]:
        """The script for a path."""
        def add(script: Script) -> Script:
            self.scripts[path] = script
            return script

        return add

    # -- what it got

    def seen(self, text: str) -> list[Request]:
        """The requests in whose target that stands."""
        return [request for request in list(self.requests) if text in request.target]

    def only(self, text: str) -> Request:
        found = self.seen(text)
        assert len(found) == 1, f"{len(found)} requests for {text}"
        return found[0]

    def await_request(self, text: str, count: int = 1) -> Request:
        return wait_until(f"request {text}", lambda: (found := self.seen(text)) and len(found) >= count and found[-1])

    @property
    def faults(self) -> list[str]:
        return [connection.fault for connection in self.connections if connection.fault]

    # -- its threads

    def accept(self) -> None:
        while self.is_open:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, self.requests)
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: Connection) -> None:
        try:
            while request := connection.head():
                exchange = Exchange(self, request)
                self.scripts.get(request.path, self.script)(exchange)
                for _ in exchange.rest:
                    pass
                if exchange.closes:
                    break
        except Malformed as error:
            connection.fault = str(error)
        except OSError:
            connection.gone.set()
        finally:
            connection.sock.close()

    def close(self) -> None:
        self.is_open = False
        # Wakes accept(2), which close(2) alone does not.
        for end in (lambda: self.listener.shutdown(socket.SHUT_RDWR), self.listener.close):
            with contextlib.suppress(OSError):
                end()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)


class Gate:
    """Lets scripts wait until the test opens it."""

    def __init__(self):
        self.event, self.waiting = threading.Event(), 0
        self.lock = threading.Lock()

    def wait(self, seconds: float = 20.0) -> None:
        with self.lock:
            self.waiting += 1
        assert self.event.wait(seconds), "nobody opened the gate"

    def open(self) -> None:
        self.event.set()


def settles(value: Callable[[], float], seconds: float = 0.4, patience: float = 15.0) -> float:
    """Waits until a growing number has stood still for a while, and gives it."""
    deadline = time.monotonic() + patience
    last, since = value(), time.monotonic()
    while time.monotonic() - since < seconds:
        assert time.monotonic() < deadline, f"still growing at {last}"
        time.sleep(0.02)
        if (now := value()) != last:
            last, since = now, time.monotonic()
    return last
