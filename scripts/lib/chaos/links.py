"""The links between services that can be slowed, reset and held: TCP proxies of ours in a process of their own."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import threading

PROGRAM = pathlib.Path(__file__).with_name("tcp_proxy.py")


class Links:
    """Proxies by name, `order→vendor.grpc`. One thread at a time talks to their process."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.lock = threading.Lock()
        self.names: list[str] = []

    def listen(self, name: str, host: str, to: tuple[str, int], port: int = 0) -> int:
        """Opens a link and gives the port at which it listens."""
        answer = self.tell({"listen": name, "host": host, "port": port, "to": list(to)})
        self.names.append(name)
        return answer["port"]

    def named(self, beginning: str) -> list[str]:
        return [name for name in self.names if name.startswith(beginning)]

    def open(self, names: list[str] | None = None) -> None:
        """Everything passes again."""
        self.set(self.names if names is None else names, "open")

    def set(self, names: list[str], mode: str, **told) -> None:
        self.tell({"set": names, "mode": mode, **told})

    def tell(self, command: dict) -> dict:
        with self.lock:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
