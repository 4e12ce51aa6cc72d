"""Starts a Souk of one's own, on a free port and in a folder of its own, for replays and tests."""

from __future__ import annotations

import contextlib
import os
import pathlib
import secrets
import shutil
import signal
import sqlite3
import subprocess
import time
from typing import Self

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class StartFailed(Exception):
    """Souk did not start; the message holds what it said."""


def built_souk() -> pathlib.Path:
    """Builds souk if need be and gives its path."""
    command = ["swift", "build", "--product", "souk"]
    try:
        if subprocess.run(command, cwd=ROOT).returncode != 0:
            raise StartFailed("souk could not be built")
        shown = subprocess.run(
            [*command, "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError as error:
        raise StartFailed("swift isn't on the PATH") from error
    return pathlib.Path(shown) / "souk"


class PrivateSouk:
    def __init__(self, data: pathlib.Path, fresh: bool = False, binary: pathlib.Path | None = None,
                 port: int = 0, env: dict[str, str] | None = None):
        self.data, self.port = pathlib.Path(data).absolute(), port
        self.binary = binary or pathlib.Path(os.environ.get("SOUK_BINARY") or built_souk())
        self.env = env or {}
        self.process: subprocess.Popen | None = None
        self.url = ""
        # Where /livez, /readyz and /metrics are.
        self.ops_url = ""
        if fresh and (self.data / "souk.lock").exists():
            shutil.rmtree(self.data)
        self.data.mkdir(parents=True, exist_ok=True)
        secret = self.data / "admin-password"
        if not secret.exists():
            secret.touch(mode=0o600)
            secret.write_text(secrets.token_urlsafe(18))
        self.admin_password = secret.read_text().strip()

    def environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SOUK_")}
        return clean | {
            # Its owner watches the process itself: one that was killed stays so.
            "SOUK_PORT": str(self.port), "SOUK_OPS_PORT": "0", "SOUK_SUPERVISOR": "off", "SOUK_DATA_DIR": str(self.data), "SOUK_LOG_LEVEL": "warning",
            "SOUK_AUTH_ADMIN_EMAIL": "admin@souk.example",
            "SOUK_AUTH_ADMIN_PASSWORD_FILE": str(self.data / "admin-password"),
            "SOUK_RATE_LIMIT_EXEMPT": "127.0.0.0/8,::1",
        } | self.env

    def start(self, wait: float = 60.0, **env: str) -> Self:
        """Starts the server and waits until it says where it is. The port stays the same over restarts."""
        address = self.data / "souk.url"
        address.unlink(missing_ok=True)
        log = (self.data / "souk.log").open("ab")
        self.process = subprocess.Popen(
            [self.binary, "serve"], env=self.environment() | env, stdout=log, stderr=log, cwd=self.data)
        deadline = time.monotonic() + wait
        while not (address.exists() and address.read_text().count("\n") >= 1):
            if self.process.poll() is not None:
                raise StartFailed(f"souk ended with {self.process.returncode}: {self.log_tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise StartFailed(f"souk was not ready in {wait:.0f} s: {self.log_tail()}")
            time.sleep(0.02)
        self.url = address.read_text().split("\n")[0]
        operations = self.data / "souk-ops.url"
        self.ops_url = operations.read_text().strip() if operations.exists() else ""
        self.port = int(self.url.rsplit(":", 1)[1])
        return self

    def log_tail(self) -> str:
        lines = (self.data / "souk.log").read_text(errors="replace").splitlines()
        return " | ".join(lines[-5:])

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9, and waits until the process is gone."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """Asks it to stop, and gives its exit status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def close(self) -> None:
        """Stops it; where it still runs, it has to end well."""
        if self.running and (status := self.stop()) != 0:
            raise AssertionError(f"souk ended with {status}: {self.log_tail()}")

    # -- parts: one process is its only part; clusters of processes have the same interface

    @property
    def names(self) -> list[str]:
        """The processes that can be killed one by one."""
        return ["souk"]

    def kill_part(self, _: str) -> None:
        self.kill()

    def start_part(self, _: str, **env) -> None:
        self.start(**env)

    def is_part_running(self, _: str) -> bool:
        return self.running

    def returncode(self, _: str) -> int | None:
        return self.process.returncode

    @property
    def ops_port(self) -> int:
        return int(self.ops_url.rsplit(":", 1)[1])

    def logs(self) -> str:
        """All that its processes have logged."""
        return (self.data / "souk.log").read_text(errors="replace")

    def query(self, database: str, sql: str) -> list[tuple[str, ...]]:
        """What a service's database answers, every value as text."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/{database}.sqlite?mode=ro", uri=True)) as connection:
            return [tuple(as_text(value) for value in row) for row in connection.execute(sql)]

    def write(self, database: str, sql: str) -> None:
        """Changes a service's database as the service itself would."""
        self.tamper(database, sql)

    def tamper(self, database: str, sql: str) -> None:
        """Changes a service's database behind its back."""
        with contextlib.closing(sqlite3.connect(self.data / f"{database}.sqlite", timeout=30)) as connection, connection:
            connection.executescript(sql)

    @staticmethod
    def blob(data: bytes) -> str:
        """Bytes as its databases write them in SQL."""
        return f"x'{data.hex()}'"

    def __enter__(self) -> "PrivateSouk":
        return self if self.running else self.start()

    def __exit__(self, *_) -> None:
        self.stop()


def as_text(value) -> str:
    return value.decode() if isinstance(value, bytes) else "" if value is None else str(value)
