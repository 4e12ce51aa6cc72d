"""TCP proxies in one process, told by JSON lines on standard input what to do; it ends when that closes.

  {"listen": NAME, "host": H, "port": P, "to": [H, P]}   listens (port 0: a free one) and answers {"port": P}
  {"set": [NAME…], "mode": M, …}                          changes links; answers {"set": COUNT}

Modes: `open`; `slow` with `delay` (seconds per chunk) and `rate` (bytes per second); `reset` with `chance` (of a chunk or a
connection to end in a TCP reset); `hold` with `way` (`out`, `in` or `both`: nothing passes that way, and nothing is lost, as on a
network that loses every packet and heals).
"""

import asyncio
import contextlib
import json
import random
import socket
import struct
import sys

CHUNK = 65_536
# Longer than any link is held.
LAST_WORDS = 60.0


class Link:
    """One address that is listened on and where it leads."""

    def __init__(self, to: tuple[str, int]):
        self.to, self.mode, self.told = to, "open", {}
        self.changed = asyncio.Event()
        self.rng = random.Random(to[1])

    def set(self, mode: str, told: dict) -> None:
        self.mode, self.told = mode, told
        self.changed.set()
        self.changed = asyncio.Event()

    def holds(self, way: str) -> bool:
        return self.mode == "hold" and self.told["way"] in (way, "both")

    def resets(self) -> bool:
        return self.mode == "reset" and self.rng.random() < self.told["chance"]

    async def pass_through(self, way: str, size: int) -> None:
        """Waits as long as the link makes a chunk wait."""
        while self.holds(way):
            await self.changed.wait()
        if self.mode == "slow":
            await asyncio.sleep(self.told["delay"] + size / self.told["rate"])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            if self.resets():
                return
            while self.holds("out"):
                await self.changed.wait()
            peer_reader, peer_writer = await asyncio.open_connection(*self.to)
            writers.append(peer_writer)
            async with asyncio.TaskGroup() as pumps:
                ways = [pumps.create_task(self.pump("out", reader, peer_writer)), pumps.create_task(self.pump("in", peer_reader, writer))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                # Who has said his last word and hears nothing for a while will hear nothing any more.
                if (await asyncio.wait(ways, timeout=LAST_WORDS))[1]:
                    raise ConnectionResetError
            for each in writers:
                each.close()
            writers = []
        except* OSError:
            pass
        finally:
            for each in writers:
                reset(each)

    async def pump(self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if self.mode != "open":
                await self.pass_through(way, len(data))
                if self.resets():
                    raise ConnectionResetError
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with a reset instead of a farewell."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def main() -> None:
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    links: dict[str, Link] = {}
    servers = []
    while line := await commands.readline():
        command = json.loads(line)
        if "listen" in command:
            link = links[command["listen"]] = Link(tuple(command["to"]))
            server = await asyncio.start_server(link.serve, command["host"], command["port"])
            servers.append(server)
            answer = {"port": server.sockets[0].getsockname()[1]}
        else:
            told = {name: value for name, value in command.items() if name not in ("set", "mode")}
            for name in command["set"]:
                links[name].set(command["mode"], told)
            answer = {"set": len(command["set"])}
        print(json.dumps(answer), flush=True)
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
