"""One run: the load in its threads, the plan's faults one after another, then rest, and the judgement."""

from __future__ import annotations

import threading
import time

from souk_client import wait_until

from . import books
from .checker import Case, Violation, judge
from .invoices import Invoices
from .journal import Journal
from .measures import Measures
from .plan import Fault
from .stage import Stage
from .storm import Storm

# How long everything may take to be healthy once a harm is over, before the next one comes all the same.
HEALTHY_SECONDS = 60.0
# Events that a service should have handled by then, after what had kept it from it is over.
DRAIN_SECONDS = 60.0
# How long everything may take to come to rest after the last order's time to pay is over.
SETTLE_SECONDS = 120.0
SERVER_HARMS = ("postgres-kill", "postgres-stop", "broker-kill", "broker-stop", "disk-full")


class Run:
    """`tell(line)` hears what happens. After `at_most` seconds no more is bought and no more harm is done."""

    def __init__(self, stage: Stage, plan: list[Fault], checkouts: int, workers: int, payment_window: int,
                 invoices: str | None, tell, at_most: float = float("inf")):
        self.stage, self.plan, self.tell, self.payment_window = stage, plan, tell, payment_window
        self.journal, self.measures = Journal(), Measures()
        self.storm = Storm(stage.admin, stage.seed, checkouts, workers, self.journal, gate=self.gate)
        self.invoices = Invoices(stage.admin, invoices) if invoices else None
        self.inflicted, self.inflicted_all = 0, False
        self.may_go_on = threading.Condition()
        self.began, self.at_most = time.monotonic(), at_most

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self.began > self.at_most

    def run(self) -> list[Violation]:
        self.storm.prepare()
        if self.invoices:
            self.invoices.prepare()
            self.invoices.thread.start()
        self.tell(f"{len(self.storm.shops)} shops are open; the storm begins")
        shopping = threading.Thread(target=self.storm.run, daemon=True)
        shopping.start()
        for fault in self.plan:
            self.await_turn(fault, shopping)
            if self.is_over:
                break
            self.inflict(fault)
        self.let_go()
        shopping.join()
        self.stage.heal()
        if self.invoices:
            self.invoices.thread.join()
        self.settle()
        return self.judge()

    # -- load and faults keep step

    def gate(self, number: int) -> bool:
        """Shoppers don't run ahead of the faults: each of them is to happen while people shop."""
        with self.may_go_on:
            self.may_go_on.wait_for(lambda: number < self.limit() or self.is_over)
        return not self.is_over

    def let_go(self) -> None:
        """No fault is to come any more."""
        with self.may_go_on:
            self.inflicted_all = True
            self.may_go_on.notify_all()

    def limit(self) -> float:
        ahead = self.inflicted + 1
        return float("inf") if self.inflicted_all or ahead >= len(self.plan) else self.plan[ahead].after

    def await_turn(self, fault: Fault, shopping: threading.Thread) -> None:
        while self.storm.done < fault.after and shopping.is_alive() and not self.is_over:
            time.sleep(0.05)

    def inflict(self, fault: Fault) -> None:
        began = time.monotonic()
        name = fault.harm.name
        try:
            note = fault.harm.inflict(self.stage, fault.drawn)
        finally:
            with self.may_go_on:
                self.inflicted = fault.number
                self.may_go_on.notify_all()
        over = time.monotonic()
        healthy = self.stage.supervisor.await_healthy(HEALTHY_SECONDS)
        self.measures.healed(name, healthy)
        if name in SERVER_HARMS:
            self.measures.drained(name, self.await_drained())
        self.tell(f"{began - self.began:7.1f} s  {fault}"
                  f"{f': {note}' if note else ''}; {over - began:.1f} s, "
                  + (f"all healthy {healthy:.1f} s later" if healthy is not None else
                     f"not healthy after {HEALTHY_SECONDS:.0f} s: {self.stage.supervisor.missing()}"))

    def await_drained(self) -> float | None:
        """How long it takes until everything that was published so far is handled; nil when that takes too long."""
        began = time.monotonic()
        since = int((time.time() - 120) * 1e6)
        waiting = books.read_events(self.stage.cluster, since)
        while time.monotonic() - began < DRAIN_SECONDS:
            # Ten minutes more than the events', for a service whose clock was behind.
            inboxes = books.read_inboxes(self.stage.cluster, since - 600_000_000)
            missing = set(books.unhandled(waiting, inboxes, set(self.stage.poisoned)))
            if not missing:
                return time.monotonic() - began
            waiting = [event for event in waiting if any(event["event_id"] in each for each in missing)]
            time.sleep(0.25)
        return None

    # -- afterwards

    def settle(self) -> None:
        """Until nothing moves, or that takes so long that it is a finding."""
        began, shown = time.monotonic(), 0.0
        # What a clock that was ahead wrote for later is later by so much.
        ahead = max([0, *(fault.drawn.get("shift", 0) for fault in self.plan)])
        until = began + self.payment_window + SETTLE_SECONDS + ahead
        quiet = 0
        while quiet < 2 and time.monotonic() < until:
            moving = books.unsettled(self.stage.cluster)
            quiet = quiet + 1 if not moving and self.stage.meddler.is_idle() else 0
            if time.monotonic() - shown > 15:
                shown = time.monotonic()
                self.tell(f"settling: {', '.join(f'{count} {what}' for what, count in moving.items()) or 'quiet'}")
            time.sleep(0.5)
        self.measures.settle_seconds = time.monotonic() - began
        # What is judged is read through the public API as well.
        wait_until("every service to be ready", lambda: self.stage.supervisor.await_healthy(5) is not None, 60)

    def judge(self) -> list[Violation]:
        stage = self.stage
        self.books = books.read(stage.cluster)
        case = Case(
            self.books, self.journal, set(stage.poisoned), stage.meddler.accepted_forgeries, list(stage.supervisor.deaths))
        violations = judge(case)
        violations += [Violation("answered", failure) for failure in self.storm.failures]
        if self.invoices:
            poisoned = sum(1 for row in self.books.dead_letters if row["event_id"] in case.poisoned)
            violations += [Violation("invoices", str(finding)) for finding in self.invoices.findings(poisoned)]
        return violations
