"""Signals to a part and to all processes that belong to it."""

from __future__ import annotations

import os
import pathlib
import signal
import time

from cluster.part import Part
from cluster.postgres import Postgres


def pids_of(part: Part) -> list[int]:
    """Its processes; PostgreSQL has one per session, each in the data folder, its first one first."""
    first = part.process.pid
    if first is None:
        return []
    if not isinstance(part, Postgres):
        return [first]
    found = [first]
    for link in pathlib.Path("/proc").glob("[0-9]*/cwd"):
        try:
            if os.readlink(link) == str(part.home) and int(link.parent.name) != first:
                found.append(int(link.parent.name))
        except OSError:
            continue
    return found


def signal_all(part: Part, number: signal.Signals) -> None:
    for pid in pids_of(part):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def pause(part: Part, seconds: float) -> None:
    """Stops it for so long: it neither answers nor closes its connections."""
    signal_all(part, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        signal_all(part, signal.SIGCONT)


def slice_up(part: Part, seconds: float, stopped: float = 0.45, running: float = 0.05) -> None:
    """Lets it run for slices only: a process that gets little of a processor."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pause(part, stopped)
        time.sleep(running)
