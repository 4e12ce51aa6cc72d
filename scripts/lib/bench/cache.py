"""Cache: GET and SET of 64 bytes with our driver, one caller at a time and 64 callers over its one connection, beside
`redis-benchmark` with one connection, without and with a pipeline of 64, on one private Redis. Our SET always has a time to
live (`PX`); redis-benchmark is given the same commands."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from cluster.credentials import secret

from .measure import Experiment, Goal, Samples, complete, measure
from .workplace import Workplace

PACKAGES = ["redis-server", "redis-tools"]
COMMANDS = {
    "get": ["GET", "bench:__rand_int__"],
    "set": ["SET", "bench:__rand_int__", "x" * 64, "PX", "600000"],
}


def experiments(place: Workplace) -> Iterator[Experiment]:
    for workload in ("set", "get"):
        for callers in (1, 64):
            yield experiment(place, workload, callers)


def experiment(place: Workplace, workload: str, callers: int) -> Experiment:
    redis, seconds = place.redis, place.amount(2, 1)
    case = f"{workload.upper()}, {'one at a time' if callers == 1 else f'{callers} in the pipeline'}"

    def ours() -> Samples:
        found = measure([place.program("souk-bench"), "cache", "--url", redis.url, "--password-file", redis.password_file,
                         "--workload", workload, "--tasks", callers, "--seconds", seconds])
        return {case: found[workload]}

    def theirs() -> Samples:
        count = place.amount(80_000, 20_000) * (1 if callers == 1 else 10)
        output, spent = complete(
            ["redis-benchmark", "-h", "127.0.0.1", "-p", redis.port, "--csv", "-c", 1, "-P", callers, "-n", count,
             "-r", 100_000, "-a", secret(redis.password_file), *COMMANDS[workload]])
        rate = float(list(csv.reader(output.splitlines()))[-1][1])
        return {case: {"rate": rate, "cpu_us": spent / count * 1e6}}

    return Experiment({"souk": ours, "redis-benchmark": theirs}, {case: [Goal("rate", at_least=0.7, times="redis-benchmark")]})
