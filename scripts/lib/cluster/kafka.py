"""Kafka: the stand-in, librdkafka's mock cluster in a process of its own (`mock-kafka --help`), or a cluster that runs elsewhere.

The stand-in keeps everything in memory: killed and started again it is another, empty Kafka at the same address. `pause` and
`resume` are how a Kafka goes away and comes back.
"""

from __future__ import annotations

import pathlib
import re
import signal
import socket
import subprocess

from .part import Part, listens
from .process import ClusterError

ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[^:,\s]+):(\d{1,5})")


def brokers(text: str) -> str:
    """`HOST:PORT[,…]` as it was; `ValueError` for anything else. For `argparse` as well."""
    if not all(ADDRESS.fullmatch(word) for word in text.split(",")):
        raise ValueError(f"{text} is not HOST:PORT[,…]")
    return text


class Kafka(Part):
    # Others may have the same cluster: topics and groups begin with this.
    prefix = ""

    def __init__(self, folder: pathlib.Path, program: pathlib.Path, port: int = 0):
        super().__init__("kafka", folder)
        self.program, self.chosen_port = program, port

    def prepare(self) -> None:
        # The log holds the address, which must be that of this start.
        self.log.unlink(missing_ok=True)

    def command(self) -> list:
        return [self.program, "--port", self.chosen_port]

    def probe(self) -> str | None:
        return None if self.port and listens(self.port) else "it does not listen"

    @property
    def port(self) -> int | None:  # type: ignore[override]  # other parts are given theirs
        try:
            found = re.search(r"^127\.0\.0\.1:(\d+)", self.log.read_text(), re.M)
        except OSError:
            return None
        return int(found[1]) if found else None

    @property
    def brokers(self) -> str:
        if self.port is None:
            raise ClusterError("kafka has no address before it has started")
        return f"127.0.0.1:{self.port}"

    def pause(self) -> None:
        """Its brokers go away, with everything they know kept."""
        self.process.send(signal.SIGUSR1)

    def resume(self) -> None:
        self.process.send(signal.SIGUSR2)
        self.await_ready()


class ExternalKafka:
    """A cluster that is not ours: it is neither started nor stopped, and restarted by the command that came with it, if any."""

    def __init__(self, brokers: str, prefix: str = "", restart: str | None = None):
        self.brokers, self.prefix, self.restart_command = brokers, prefix, restart

    def check(self) -> None:
        """Raises `ClusterError` where none of its brokers can be connected to."""
        for host, port in ADDRESS.findall(self.brokers):
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
                return
            except OSError:
                continue
        raise ClusterError(f"kafka: nobody listens at {self.brokers}; start that cluster first")

    def restart(self) -> None:
        """Kills it and starts it again with what it stored."""
        if not self.restart_command:
            raise ClusterError("kafka is not ours to restart: --kafka-restart names a command that does")
        if status := subprocess.run(["bash", "-c", self.restart_command], stdout=subprocess.DEVNULL).returncode:
            raise ClusterError(f"restarting kafka: exit status {status}")
