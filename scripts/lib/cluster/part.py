"""What servers and services have in common: a name, a folder, a process, and a way to see that it is ready."""

from __future__ import annotations

import http.client
import os
import pathlib
import shutil
import signal
import socket
import threading
import time

from .process import ClusterError, Process


class Part:
    """One part of a cluster. Its files lie in `<folder>/<name>`, its log in `<folder>/logs`, its record in `<folder>/run`."""

    name: str
    # The port that it listens on; the stand-in for Kafka chooses its own.
    port: int
    stop_signal = signal.SIGTERM
    ready_seconds = 30.0
    stop_seconds = 20.0
    # Which user runs it where we are root; nil for the one we are.
    user: str | None = None

    def __init__(self, name: str, folder: pathlib.Path):
        self.name, self.folder = name, folder
        self.home = folder / name
        self.log = folder / "logs" / f"{name}.log"
        self.process = Process(folder / "run" / f"{name}.json", self.log)
        self.lock = threading.Lock()

    # -- what each part says of itself

    def prepare(self) -> None:
        """Makes files that it needs; runs before every start."""

    def command(self) -> list:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def probe(self) -> str | None:
        """Nil if it is ready; otherwise what is missing."""
        raise NotImplementedError

    def opened(self) -> None:
        """Runs after it became ready: accounts, databases."""

    def cleared(self) -> None:
        """Runs after it has ended for good: what its process left in the system."""

    # -- life

    @property
    def is_running(self) -> bool:
        return self.process.is_running

    def start(self, **env: str) -> None:
        """Starts its process, unless that runs; does not wait until it is ready."""
        with self.lock:
            if self.is_running:
                return
            for folder in (self.log.parent, self.process.record.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.prepare()
            clean = {k: v for k, v in os.environ.items() if not k.startswith(("SOUK_", "RABBITMQ_", "PG", "ERL_"))}
            self.process.start(self.command(), clean | self.environment() | env, self.working_directory, self.user)

    @property
    def working_directory(self) -> pathlib.Path:
        return self.folder

    def await_ready(self, seconds: float | None = None, unless=lambda: False) -> float:
        """Until it is ready, or `unless` says that waiting is pointless; gives how long that took.

        Raises `ClusterError` with the end of its log when it ends before, or the time is up.
        """
        started, pause = time.monotonic(), 0.02
        seconds = seconds or self.ready_seconds
        while missing := self.probe():
            if not self.is_running:
                status = self.process.returncode
                ended = "ended" if status is None else f"ended with {status}"
                raise ClusterError(f"{self.name} {ended} while starting; its log says:\n{self.process.last_lines()}")
            if unless():
                return time.monotonic() - started
            if time.monotonic() - started > seconds:
                raise ClusterError(
                    f"{self.name} was not ready in {seconds:.0f} s: {missing}; its log says:\n{self.process.last_lines()}")
            time.sleep(pause)
            pause = min(pause * 1.3, 0.25)
        self.opened()
        return time.monotonic() - started

    def stop(self) -> int | None:
        """Asks it to end, kills it if it does not, and gives its exit status where that is known."""
        with self.lock:
            self.process.send(self.stop_signal)
            if not self.process.wait(self.stop_seconds):
                self.process.kill()
            self.process.forget()
            self.cleared()
            return self.process.returncode

    def kill(self) -> None:
        with self.lock:
            self.process.kill()

    def purge(self) -> None:
        """Deletes its files."""
        shutil.rmtree(self.home, ignore_errors=True)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def http_get(port: int, path: str, timeout: float = 2, host: str = "127.0.0.1") -> tuple[int, str] | None:
    """Status and body; nil when nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read(65_536).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
