"""Events end to end: outbox of one service, relay, RabbitMQ, inbox and handler of another, each with a database of its own on
a PostgreSQL that syncs. *One by one*: the time from the commit that appended an event to the commit of its handler, with
nothing else to do. *Drain*: a backlog in the outbox, from the start of relay and consumer to the last handler's commit; every
event is handled in a transaction of its own. CPU is of relay and consumer together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from .measure import Experiment, Goal, Samples, measure
from .workplace import Workplace

PACKAGES = ["postgresql", "rabbitmq-server"]
CASES = {"drain": "drain a backlog", "latency": "one by one, idle"}


def experiments(place: Workplace) -> Iterator[Experiment]:
    serial = itertools.count(1)

    def ours() -> Samples:
        number = next(serial)
        publisher, password = place.database(f"bench_publisher_{number}")
        consumer = place.postgres.url(f"bench_consumer_{number}")
        place.postgres.add(f"bench_consumer_{number}", password.read_text().strip())
        found = measure([
            place.program("souk-bench"), "events", "--publisher-url", publisher, "--consumer-url", consumer,
            "--database-password-file", password, "--broker-url", place.rabbitmq.url("bench"),
            "--broker-password-file", place.folder / "secrets/rabbitmq", "--single", place.amount(300, 30),
            "--backlog", place.amount(10_000, 1_000)])
        place.postgres.remove([f"bench_publisher_{number}", f"bench_consumer_{number}"])
        samples = {CASES[name]: metrics for name, metrics in found.items()}
        # One at a time its rate is the pauses between them.
        samples[CASES["latency"]].pop("rate")
        return samples

    yield Experiment({"souk": ours}, {
        CASES["drain"]: [Goal("rate", at_least=5_000)], CASES["latency"]: [Goal("p99_ms", at_most=50)]})
