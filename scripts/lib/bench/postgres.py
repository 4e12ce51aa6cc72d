"""PostgreSQL driver: pgbench's point select and TPC-B-like transaction over our driver, with 1, 8 and 32 clients, beside
`pgbench -M prepared` on the same tables of one server, which syncs its commits. CPU is the client's, not the server's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cluster.credentials import secret
from cluster.postgres import binaries
from cluster.process import ClusterError

from .measure import Experiment, Goal, Samples, complete, measure
from .workplace import Workplace

PACKAGES = ["postgresql"]
CLIENTS = (1, 8, 32)


def experiments(place: Workplace) -> Iterator[Experiment]:
    scale = place.amount(10, 1)
    url, password = place.database("bench_pgbench")
    login = ["-h", "127.0.0.1", "-p", place.postgres.port, "-U", "bench_pgbench"]
    env = {"PGPASSWORD": secret(password)}
    complete([binaries() / "pgbench", "-i", "-q", "-s", scale, *login, "bench_pgbench"], env=env)
    place.postgres.psql("bench_pgbench", "CHECKPOINT;")
    for workload, name in (("select", "point select"), ("tpcb", "TPC-B-like transaction")):
        for clients in CLIENTS:
            yield experiment(place, workload, f"{name}, {clients} client{'s' if clients > 1 else ''}", clients, scale, url, password, login, env)


def experiment(place: Workplace, workload: str, case: str, clients: int, scale: int, url: str, password, login, env) -> Experiment:
    seconds = place.amount(3, 2)

    def ours() -> Samples:
        found = measure([place.program("souk-bench"), "postgres", "--url", url, "--password-file", password, "--workload", workload,
                         "--clients", clients, "--seconds", seconds, "--scale", scale])
        return {case: found[workload]}

    def pgbench() -> Samples:
        script = {"select": "select-only", "tpcb": "tpcb-like"}[workload]
        output, spent = complete(
            [binaries() / "pgbench", "-n", "-M", "prepared", "-b", script, "-c", clients, "-j", min(2, clients), "-T", seconds,
             "-s", scale, *login, "bench_pgbench"], env=env)
        done = int(re.search(r"transactions actually processed: (\d+)", output)[1])
        rate = re.search(r"tps = ([\d.]+) \(", output)
        if not rate:
            raise ClusterError(f"pgbench did {done} transactions in {seconds} s: the machine is too busy to measure anything")
        return {case: {"rate": float(rate[1]), "cpu_us": spent / done * 1e6}}

    goals = [Goal("rate", at_least=0.8, times="pgbench")] if clients > 1 else []
    return Experiment({"souk": ours, "pgbench": pgbench}, {case: goals})
