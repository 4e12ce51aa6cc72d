"""What a run measures beside its violations, and how it is told."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict

from cluster.description import names

from .supervisor import Recovery

# A killed service is to be healthy again by then, a backlog drained.
HEALTHY_GOAL, DRAIN_GOAL = 5.0, 60.0


class Measures:
    """Times by harm; nil for what was not over when the time was up."""

    def __init__(self):
        self.health: dict[str, list[float | None]] = defaultdict(list)
        self.drains: dict[str, list[float | None]] = defaultdict(list)
        self.settle_seconds = 0.0

    def healed(self, harm: str, seconds: float | None) -> None:
        self.health[harm].append(seconds)

    def drained(self, harm: str, seconds: float | None) -> None:
        self.drains[harm].append(seconds)

    def data(self, recoveries: list[Recovery], outcomes: Counter, webhooks: Counter) -> dict:
        """Everything, for --json."""
        dead = [r for r in recoveries if r.was_dead]
        services = [r for r in dead if r.name in names()]
        alone = [r.seconds for r in services if r.was_alone]
        drains = [seconds for times in self.drains.values() for seconds in times]
        return {
            "checkouts_answered": dict(outcomes.most_common()), "webhooks": dict(webhooks),
            "faults_by_harm": {name: len(times) for name, times in sorted(self.health.items())},
            "killed_service_healthy_seconds": spread(alone),
            "killed_service_later_than_goal": sum(1 for seconds in alone if seconds > HEALTHY_GOAL),
            "server_healthy_seconds": spread([r.seconds for r in dead if r.name not in names()]),
            "backlog_drained_seconds": spread([seconds for seconds in drains if seconds is not None]),
            "backlog_later_than_goal": sum(1 for seconds in drains if seconds is None),
            "not_healthy_in_time": {name: times.count(None) for name, times in self.health.items() if None in times},
            "settle_seconds": round(self.settle_seconds, 1)}


def spread(times: list[float]) -> dict:
    """Count, median and greatest."""
    if not times:
        return {"count": 0}
    return {"count": len(times), "median": round(statistics.median(times), 2), "max": round(max(times), 2)}


def lines(data: dict) -> list[str]:
    """The same for people."""
    def seconds(found: dict) -> str:
        return f"median {found['median']:.1f} s, at most {found['max']:.1f} s of {found['count']}" if found["count"] else "none"

    def counts(found: dict) -> str:
        return ", ".join(f"{name} {count}" for name, count in found.items()) or "none"

    return [
        f"checkouts answered: {counts(data['checkouts_answered'])}", f"faults: {counts(data['faults_by_harm'])}",
        f"webhooks: {counts(data['webhooks'])}",
        f"killed service healthy again: {seconds(data['killed_service_healthy_seconds'])};"
        f" later than {HEALTHY_GOAL:.0f} s: {data['killed_service_later_than_goal']}",
        f"server healthy again: {seconds(data['server_healthy_seconds'])}",
        f"backlog drained after PostgreSQL, the broker or the disk came back: {seconds(data['backlog_drained_seconds'])};"
        f" later than {DRAIN_GOAL:.0f} s: {data['backlog_later_than_goal']}",
        f"harms after which not all was healthy within a minute: {counts(data['not_healthy_in_time'])}",
        f"at rest {data['settle_seconds']:.0f} s after the last checkout"]
