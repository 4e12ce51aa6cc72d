"""The stand-in for Kafka: librdkafka's mock cluster in a process of its own (`mock-kafka --help`).

It keeps everything in memory and picks its port itself: killed and started again it is another, empty Kafka. `pause` and
`resume` are how a Kafka goes away and comes back.
"""

from __future__ import annotations

import pathlib
import re
import signal

from .part import Part, listens
from .process import ClusterError


class Kafka(Part):
    def __init__(self, folder: pathlib.Path, program: pathlib.Path):
        super().__init__("kafka", folder)
        self.program = program

    def prepare(self) -> None:
        # The log holds the address, which must be that of this start.
        self.log.unlink(missing_ok=True)

    def command(self) -> list:
        return [self.program]

    def probe(self) -> str | None:
        return None if self.port and listens(self.port) else "it does not listen"

    @property
    def port(self) -> int | None:
        try:
            found = re.search(r"^127\.0\.0\.1:(\d+)", self.log.read_text(), re.M)
        except OSError:
            return None
        return int(found[1]) if found else None

    @property
    def brokers(self) -> str:
        if self.port is None:
            raise ClusterError("kafka is not there: it has no address before it has started")
        return f"127.0.0.1:{self.port}"

    def pause(self) -> None:
        """Its brokers go away, with everything they know kept."""
        self.process.send(signal.SIGUSR1)

    def resume(self) -> None:
        self.process.send(signal.SIGUSR2)
        self.await_ready()
