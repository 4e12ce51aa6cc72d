"""Starts again what died, as an init system would, and takes the time until it is healthy."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from cluster.cluster import Cluster
from cluster.part import Part
from cluster.process import ClusterError
from cluster.service import Service

LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Recovery:
    """A part that was away: from its death, or from when it was let go, to its readiness."""

    name: str
    seconds: float
    # Whether it had to be started again; otherwise it had only been stopped.
    was_dead: bool
    # Whether it was all that was away; a service waits for what it needs.
    was_alone: bool


class Supervisor:
    """Looks after the parts of a cluster in a thread of its own.

    A harm takes a part into its own hands (`hold`) and gives it back (`let_go`). What a service is told beside its usual
    environment (`told`) holds from its next start on.
    """

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.lock = threading.RLock()
        self.held: set[str] = set()
        self.told: dict[str, dict[str, str]] = {}
        self.away: dict[str, float] = {}
        self.alone: dict[str, bool] = {}
        self.dead: set[str] = set()
        self.recoveries: list[Recovery] = []
        # Services that ended although nobody had harmed them.
        self.deaths: list[str] = []
        self.may_die: set[str] = set()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self.is_over.set()
        if self.thread.is_alive():
            self.thread.join()

    # -- for harms

    def part(self, name: str) -> Part:
        return self.cluster.parts[name]

    def hold(self, *names: str) -> None:
        """From here on these parts may be away."""
        with self.lock:
            self.held |= set(names)

    def let_go(self, *names: str) -> None:
        """They are started where they don't run; their time to be healthy counts from now."""
        with self.lock:
            self.held -= set(names)
            now = time.monotonic()
            for name in names:
                self.away.setdefault(name, now)
                self.alone[name] = len(self.away) == 1

    def kill(self, name: str) -> None:
        """kill -9; it is started again at once."""
        with self.lock:
            self.part(name).kill()
            self.away.setdefault(name, time.monotonic())
            self.alone[name] = len(self.away) == 1

    def tell(self, name: str, **told: str) -> None:
        """What the service is told from its next start on, beside the usual."""
        with self.lock:
            self.told[name] = told

    def await_healthy(self, seconds: float) -> float | None:
        """Until everything is ready; how long that took, nil when the time was up."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            with self.lock:
                is_quiet = not self.away and not self.held
            if is_quiet and not self.missing():
                return time.monotonic() - began
            time.sleep(0.1)
        return None

    def missing(self) -> dict[str, str]:
        """What isn't ready and why."""
        found = {name: part.probe() for name, part in self.cluster.parts.items()}
        return {name: why for name, why in found.items() if why}

    # -- the thread

    def run(self) -> None:
        while not self.is_over.wait(LOOK_SECONDS):
            with self.lock:
                for name, part in self.cluster.parts.items():
                    if name not in self.held:
                        self.look(name, part)

    def look(self, name: str, part: Part) -> None:
        if not part.is_running:
            if name not in self.away:
                self.note_death(name, part)
            self.dead.add(name)
            try:
                part.start(**self.told.get(name, {}))
            except (ClusterError, OSError):
                return  # A full disk keeps it down; the next look tries again.
        elif name not in self.away:
            return
        try:
            missing = part.probe()
        except OSError as error:
            missing = str(error)
        if missing is None:
            seconds = time.monotonic() - self.away.pop(name)
            self.recoveries.append(Recovery(name, seconds, name in self.dead, self.alone.get(name, False)))
            self.dead.discard(name)

    def note_death(self, name: str, part: Part) -> None:
        self.away[name] = time.monotonic()
        self.alone[name] = len(self.away) == 1
        if isinstance(part, Service) and name not in self.may_die:
            self.deaths.append(f"{name} ended with {part.process.returncode}: {part.process.last_lines(2).strip()}")
