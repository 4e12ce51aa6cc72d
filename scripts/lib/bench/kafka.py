"""Kafka: messages of 128 bytes with `acks=all` and idempotence into a topic of 16 partitions, and out of it in a group that
commits, beside a plain C loop on librdkafka (`scripts/lib/bench/c/kafka_loop.c`), which produces with the same settings and consumes
with librdkafka's own bounds, larger than ours. For Kafka stands librdkafka's mock cluster in a process of its own, which keeps everything in memory: this measures the client, not a
cluster with disks and replicas."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from .measure import Experiment, Goal, Samples, measure
from .workplace import Workplace

PACKAGES = ["librdkafka-dev", "gcc", "libc6-dev"]
CASES = {"publish": "produce, acks=all", "consume": "consume in a group"}
PARTITIONS = 16


def experiments(place: Workplace) -> Iterator[Experiment]:
    # The stand-in drops what exceeds 5 MB of a partition.
    messages, serial = place.amount(200_000, 20_000), itertools.count(1)

    def with_kafka(command) -> Samples:
        """A new cluster for each run: what the last one left would slow down the next."""
        topic = f"bench{next(serial)}"
        server = place.kafka({topic: PARTITIONS})
        try:
            return {CASES[name]: metrics for name, metrics in measure(command(server.brokers, topic)).items()}
        finally:
            server.stop()

    def ours() -> Samples:
        return with_kafka(lambda brokers, topic: [
            place.program("souk-bench"), "kafka", "--brokers", brokers, "--topic", topic, "--messages", messages, "--size", 128,
            "--batch", 1_000, "--publishers", 8])

    def theirs() -> Samples:
        return with_kafka(lambda brokers, topic: [place.c_program("kafka_loop"), brokers, topic, messages, 128])

    goals = [Goal("rate", at_least=0.5, times="librdkafka"), Goal("rate", at_least=200_000)]
    yield Experiment({"souk": ours, "librdkafka": theirs}, {case: goals for case in CASES.values()})
