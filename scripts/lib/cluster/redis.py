"""A private Redis: loopback only, with a password."""

from __future__ import annotations

import pathlib
import shutil
import socket

from .credentials import secret, write_private
from .part import Part

PACKAGES = ["redis-server"]


class Redis(Part):
    def __init__(self, folder: pathlib.Path, port: int):
        super().__init__("redis", folder)
        self.port = port
        self.password_file = folder / "secrets/redis"
        self.configuration = folder / "secrets/redis.conf"

    def prepare(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [
            "bind 127.0.0.1", f"port {self.port}", f"requirepass {secret(self.password_file)}", f'dir "{self.home}"',
            # What a restart finds again; an unwritten second may be lost, as on any Redis.
            "appendonly yes", "appendfsync everysec", 'save ""', "daemonize no", 'logfile ""', "databases 16",
        ]
        write_private(self.configuration, "\n".join(lines) + "\n")

    def command(self) -> list:
        return ["redis-server", self.configuration]

    def probe(self) -> str | None:
        try:
            answer = self.call("PING")
        except OSError as error:
            return str(error)
        return None if answer == "+PONG" else answer

    def call(self, *words: str) -> str:
        """One command, and the first line of its answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            answers = connection.makefile("rb")
            for command in (["AUTH", secret(self.password_file)], words):
                parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in command]
                connection.sendall(f"*{len(parts)}\r\n{''.join(parts)}".encode())
                answer = answers.readline().decode().strip()
                if answer.startswith("-") or not answer:
                    return answer or "it hung up"
            return answer

    def forget_everything(self) -> None:
        """Deletes what a stopped or killed Redis would find again."""
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"
