"""Processes that outlive the script that started them, found again by pid and start time."""

from __future__ import annotations

import json
import os
import pathlib
import pwd
import signal
import subprocess
import time

BOOT = pathlib.Path("/proc/sys/kernel/random/boot_id")


class ClusterError(Exception):
    """What went wrong, as a sentence for whoever called the script."""


def start_ticks(pid: int) -> int | None:
    """When the process started, in ticks since boot; nil for one that is gone or only waits to be reaped."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


class Process:
    """One process: its record says who it is, its log holds what it prints.

    The record holds pid, start time and boot, so that a pid that now belongs to somebody else is never signalled.
    """

    def __init__(self, record: pathlib.Path, log: pathlib.Path):
        self.record, self.log = record, log
        self.child: subprocess.Popen | None = None

    def start(self, command: list, env: dict[str, str], cwd: pathlib.Path, user: str | None = None) -> None:
        """Starts it in a session of its own, so that a Ctrl-C in the terminal is not for it."""
        more: dict = {}
        if user:
            entry = pwd.getpwnam(user)
            more = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        with self.log.open("ab") as log:
            try:
                self.child = subprocess.Popen(
                    [str(word) for word in command], env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, **more)
            except OSError as error:
                raise ClusterError(f"{command[0]} can't be started: {error.strerror or error}") from error
        identity = {"pid": self.child.pid, "started": start_ticks(self.child.pid), "boot": BOOT.read_text().strip()}
        new = self.record.with_suffix(".new")
        new.write_text(json.dumps(identity | {"command": str(command[0])}))
        new.rename(self.record)

    @property
    def pid(self) -> int | None:
        """Its pid while it runs; nil once it has ended, and where the record is of a process that is no longer ours."""
        if self.child:
            return self.child.pid if self.child.poll() is None else None
        try:
            kept = json.loads(self.record.read_text())
        except (OSError, ValueError):
            return None
        ours = kept["started"] is not None and kept["boot"] == BOOT.read_text().strip()
        return kept["pid"] if ours and start_ticks(kept["pid"]) == kept["started"] else None

    @property
    def is_running(self) -> bool:
        return self.pid is not None

    @property
    def is_stale(self) -> bool:
        """A record without its process: it was killed, or the machine went down."""
        return self.record.exists() and not self.is_running

    @property
    def returncode(self) -> int | None:
        """How it ended, where this script started it: negative for a signal."""
        return self.child.poll() if self.child else None

    def send(self, number: signal.Signals, group: bool = False) -> None:
        pid = self.pid
        if pid is None:
            return
        try:
            os.killpg(pid, number) if group else os.kill(pid, number)
        except ProcessLookupError:
            pass
        except PermissionError as error:
            raise ClusterError(f"{self.record.stem} (pid {pid}) belongs to another user") from error

    def wait(self, seconds: float) -> bool:
        """Until it has ended; false if it has not when the time is up."""
        deadline = time.monotonic() + seconds
        while self.is_running:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def kill(self) -> None:
        """kill -9 to it and its group, and waits until it is gone."""
        self.send(signal.SIGKILL, group=True)
        if not self.wait(10):
            raise ClusterError(f"{self.record.stem} (pid {self.pid}) does not go away")

    def forget(self) -> None:
        self.record.unlink(missing_ok=True)

    def last_lines(self, count: int = 5) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return "\n".join(f"    {line[:400]}" for line in lines[-count:]) or "    (it said nothing)"

    def megabytes(self) -> float | None:
        """Resident memory."""
        try:
            status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return None
        line = next((line for line in status.splitlines() if line.startswith("VmRSS")), None)
        return int(line.split()[1]) / 1024 if line else None
