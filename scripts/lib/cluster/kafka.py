"""The stand-in for Kafka: librdkafka's mock cluster in a process of its own. It keeps everything in memory."""

from __future__ import annotations

import pathlib

from .part import Part, listens

class Kafka(Part):
    def __init__(self, folder: pathlib.Path, port: int, program: pathlib.Path):
        super().__init__("kafka", folder)
        self.port, self.program = port, program

    def command(self) -> list:
        return [self.program, "--port", self.port]

    def probe(self) -> str | None:
        return None if listens(self.port) else "it does not listen"

    @property
    def brokers(self) -> str:
        return f"127.0.0.1:{self.port}"
