"""Connections of the attacker and of the neighbour: both are loopback addresses of their own."""

from __future__ import annotations

import asyncio
import json
import socket
import struct

ATTACKER, NEIGHBOUR = "127.0.1.1", "127.0.0.1"
# How long the neighbour waits for a response.
PATIENCE = 10


async def connect(port: int, source: str = ATTACKER) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)), PATIENCE)


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes with RST, so that no port waits in TIME_WAIT."""
    connection = writer.get_extra_info("socket")
    if connection and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


def head(method: str, path: str, length: int | None = None, **fields: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: souk.example"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    if length is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class Caller:
    """One client with one connection, which it opens again where it is closed."""

    def __init__(self, port: int, source: str = ATTACKER):
        self.port, self.source = port, source
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: dict | None = None, **fields: str) -> tuple[int, bytes]:
        """The status and body of the response; raises `OSError` or `EOFError` where there is none."""
        if self.streams is None or self.streams[0].at_eof():
            self.streams = await connect(self.port, self.source)
        reader, writer = self.streams
        raw = b"" if body is None else json.dumps(body).encode()
        try:
            writer.write(head(method, path, None if body is None else len(raw), **fields) + raw)
            await writer.drain()
            return await asyncio.wait_for(self.response(reader), PATIENCE)
        except BaseException:
            self.close()
            raise

    async def response(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(b":") for line in lines[1:])}
        body = b""
        if fields.get(b"transfer-encoding") == b"chunked":
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        elif length := int(fields.get(b"content-length", 0)):
            body = await reader.readexactly(length)
        if fields.get(b"connection") == b"close":
            self.close()
        return int(lines[0].split()[1]), body

    def close(self) -> None:
        if self.streams:
            reset(self.streams[1])
            self.streams = None
