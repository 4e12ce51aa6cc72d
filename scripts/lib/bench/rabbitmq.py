"""RabbitMQ: persistent messages of 256 bytes with publisher confirms into the four quorum queues of a group, at most 2,048
unconfirmed, and out of them with acknowledgements, beside the same in a plain C loop on rabbitmq-c
(`scripts/lib/bench/c/rabbitmq_loop.c`). The queues are replicated on one node only."""

from __future__ import annotations

from collections.abc import Iterator

from .measure import Experiment, Goal, Samples, measure
from .workplace import Workplace

PACKAGES = ["rabbitmq-server", "librabbitmq-dev", "gcc", "libc6-dev"]
CASES = {"publish": "publish with confirms", "consume": "consume with acks"}


def experiments(place: Workplace) -> Iterator[Experiment]:
    messages, server = place.amount(40_000, 4_000), place.rabbitmq
    password = place.folder / "secrets/rabbitmq"

    def ours() -> Samples:
        return named(measure([
            place.program("souk-bench"), "rabbitmq", "--url", server.url("bench"), "--password-file", password,
            "--messages", messages, "--size", 256, "--batch", 256, "--publishers", 8]))

    def theirs() -> Samples:
        return named(measure([
            place.c_program("rabbitmq_loop"), "127.0.0.1", server.port, "bench", password, "bench", messages, 256]))

    goal = Goal("rate", at_least=0.8, times="rabbitmq-c")
    yield Experiment({"souk": ours, "rabbitmq-c": theirs}, {case: [goal] for case in CASES.values()})


def named(found: Samples) -> Samples:
    return {CASES[name]: metrics for name, metrics in found.items()}
