"""A client of HTTP/2 that can be asked to break its rules."""

from __future__ import annotations

import dataclasses
import json
import socket
import ssl
import struct
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame as it is on the wire (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def texts(headers) -> list[tuple[str, str]]:
    """What the library has decoded, as its configuration here says."""
    return list(headers)


@dataclasses.dataclass
class Stream:
    fields: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    interim: list[list[tuple[str, str]]] = dataclasses.field(default_factory=list)
    body: bytearray = dataclasses.field(default_factory=bytearray)
    trailers: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    is_ended: bool = False
    # The error code of RST_STREAM.
    reset: int | None = None
    unacknowledged: int = 0

    def get(self, name: str) -> str | None:
        values = [value for key, value in self.fields if key == name]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def status(self) -> int | None:
        return int(self.get(":status")) if self.fields else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def is_over(self) -> bool:
        return self.is_ended or self.reset is not None


class H2Client:
    """One connection. Nothing is read but in `pump` and what calls it."""

    def __init__(self, gateway, timeout: float = 10.0, context: ssl.SSLContext | None = None, acknowledges: bool = True,
                 window: int | None = None, source: str = "127.0.0.1"):
        self.timeout, self.acknowledges = timeout, acknowledges
        self.sock = socket.create_connection(("127.0.0.1", gateway.port), timeout=timeout, source_address=(source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context := context or gateway.context:
            context.set_alpn_protocols(["h2"])
            self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
            assert self.sock.selected_alpn_protocol() == "h2"
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False))
        if window:
            self.h2.local_settings[h2.settings.SettingCodes.INITIAL_WINDOW_SIZE] = window
        self.streams: dict[int, Stream] = {}
        self.goaway: int | None = None
        self.is_closed = False
        self.settings: dict = {}
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self) -> "H2Client":
        return self

    def __exit__(self, *_) -> None:
        self.sock.close()

    # -- sending

    def flush(self) -> None:
        if data := self.h2.data_to_send():
            self.send(data)

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError:
            self.is_closed = True

    def headers(self, method: str, path: str, fields=(), authority: str = "shop.example") -> list[tuple[str, str]]:
        pairs = [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)]
        return pairs + list(fields.items() if isinstance(fields, dict) else fields)

    def start(self, method: str, path: str, fields=(), ends: bool = True, headers=None) -> int:
        """Begins a request and gives its stream."""
        number = self.h2.get_next_available_stream_id()
        self.streams[number] = Stream()
        self.h2.send_headers(number, headers or self.headers(method, path, fields), end_stream=ends)
        self.flush()
        return number

    def upload(self, number: int, data: bytes, ends: bool = True) -> None:
        """Sends a body as windows allow it."""
        view = memoryview(data)
        while view:
            self.pump(lambda: self.h2.local_flow_control_window(number) > 0 or self.streams[number].is_over)
            if self.streams[number].is_over:
                return
            size = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size, len(view))
            self.h2.send_data(number, bytes(view[:size]), end_stream=ends and size == len(view))
            self.flush()
            view = view[size:]

    # -- reading

    def ask(self, method: str, path: str, fields=(), body: bytes | None = None, headers=None) -> Stream:
        """A whole exchange."""
        number = self.start(method, path, fields, ends=body is None, headers=headers)
        if body is not None:
            if body:
                self.upload(number, body)
            else:
                self.h2.end_stream(number)
                self.flush()
        return self.finish(number)

    def finish(self, number: int) -> Stream:
        stream = self.streams[number]
        self.pump(lambda: stream.is_over or self.is_closed)
        return stream

    def pump(self, until, patience: float | None = None) -> None:
        """Reads until something is true."""
        deadline = time.monotonic() + (patience or self.timeout)
        while not until():
            assert not self.is_closed, f"the connection has ended, GOAWAY {self.goaway}"
            left = deadline - time.monotonic()
            assert left > 0, "waited in vain"
            self.read(left)

    def read(self, seconds: float) -> None:
        self.sock.settimeout(seconds)
        try:
            data = self.sock.recv(262_144)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            self.is_closed = True
            return
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            raise AssertionError(f"the gateway broke the protocol: {error}") from error
        for event in events:
            self.note(event)
        self.flush()

    def note(self, event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", None) or 0, Stream())
        match event:
            case h2.events.ResponseReceived():
                stream.fields = texts(event.headers)
            case h2.events.InformationalResponseReceived():
                stream.interim.append(texts(event.headers))
            case h2.events.DataReceived():
                stream.body += event.data
                if self.acknowledges:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                else:
                    stream.unacknowledged += event.flow_controlled_length
            case h2.events.TrailersReceived():
                stream.trailers = texts(event.headers)
            case h2.events.StreamEnded():
                stream.is_ended = True
            case h2.events.StreamReset():
                stream.reset = int(event.error_code)
            case h2.events.ConnectionTerminated():
                self.goaway = int(event.error_code)
                if self.goaway == h2.errors.ErrorCodes.NO_ERROR:
                    # Streams that run go on (RFC 9113, section 6.8), which the library does not know.
                    self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
            case h2.events.RemoteSettingsChanged():
                self.settings |= {code: changed.new_value for code, changed in event.changed_settings.items()}

    def end(self, patience: float = 10.0) -> int | None:
        """Waits until the gateway has closed the connection; gives what its GOAWAY said."""
        deadline = time.monotonic() + patience
        while not self.is_closed:
            assert time.monotonic() < deadline, "the gateway keeps the connection open"
            self.read(0.2)
        return self.goaway
