"""Experiments: contenders that do the same by turns, round after round, and what came of it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import time
from collections.abc import Callable

from cluster.process import ClusterError

# One number of a sample → how it is shown: rates and sizes of operations, CPU of the contender's own processes.
METRICS = {
    "rate": "{:,.0f}/s", "cpu_us": "{:,.1f} µs CPU", "p50_ms": "p50 {:,.2f} ms", "p99_ms": "p99 {:,.2f} ms",
    "ns": "{:,.0f} ns", "start_ms": "ready after {:,.0f} ms", "idle_mb": "idle {:,.0f} MB",
    "own_mb": "{:,.0f} MB of it its own", "loaded_mb": "loaded {:,.0f} MB",
}
TICKS = os.sysconf("SC_CLK_TCK")

# What one run of a contender gave: case → metric → number.
Samples = dict[str, dict[str, float]]


@dataclasses.dataclass(frozen=True)
class Goal:
    """A bound on the first contender's metric: on its own, or in relation to the same metric of a peer, or of another case."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    times: str | None = None  # the peer
    of_case: str | None = None  # the case of the peer, where it is another one

    def __str__(self) -> str:
        sign, bound = ("≥", self.at_least) if self.at_least is not None else ("≤", self.at_most)
        if self.times:
            what = {"rate": "its rate", "cpu_us": "its CPU", "p99_ms": "its p99", "ns": "its time"}[self.metric]
            other = f" ({self.of_case})" if self.of_case else ""
            return f"{sign} {bound:g} × {self.times}{other}, {what}"
        return f"{sign} {METRICS[self.metric].format(bound)}"

    def value(self, ours: float, results: "dict[str, Result]", case: str) -> float | None:
        """What the bound is held against; None where the peer was not measured."""
        if not self.times:
            return ours
        other = results.get(self.of_case or case)
        theirs = other.median(self.times, self.metric) if other else None
        return ours / theirs if theirs else None

    def is_met(self, value: float) -> bool:
        return value >= self.at_least if self.at_least is not None else value <= self.at_most


@dataclasses.dataclass
class Experiment:
    """Contenders by name, ours first. Each call is one round of one of them."""

    contenders: dict[str, Callable[[], Samples]]
    goals: dict[str, list[Goal]] = dataclasses.field(default_factory=dict)
    # Where a round changes what the next one finds, or takes minutes, it is the only one.
    rounds: int | None = None


@dataclasses.dataclass
class Result:
    """A case: for each contender and metric the values of all rounds."""

    part: str
    case: str
    values: dict[str, dict[str, list[float]]]
    goals: list[Goal]
    verdicts: list[tuple[str, float | None, bool | None]] = dataclasses.field(default_factory=list)

    @property
    def ours(self) -> str:
        return next(iter(self.values))

    def median(self, contender: str, metric: str) -> float | None:
        found = self.values.get(contender, {}).get(metric)
        return statistics.median(found) if found else None

    def ratio(self, contender: str, metric: str) -> float | None:
        """Ours to theirs, of the medians."""
        ours, theirs = self.median(self.ours, metric), self.median(contender, metric)
        return ours / theirs if ours is not None and theirs else None


def run(part: str, experiment: Experiment, rounds: int, told: Callable[[str], None]) -> list[Result]:
    """Runs the rounds of all contenders interleaved, each round beginning with another one."""
    names = list(experiment.contenders)
    cases: dict[str, dict[str, dict[str, list[float]]]] = {}
    for number in range(experiment.rounds or rounds):
        for name in names[number % len(names):] + names[:number % len(names)]:
            samples = experiment.contenders[name]()
            for case, metrics in samples.items():
                values = cases.setdefault(case, {})
                for metric, value in metrics.items():
                    values.setdefault(name, {}).setdefault(metric, []).append(value)
                shown = ", ".join(METRICS[metric].format(value) for metric, value in metrics.items())
                told(f"  {number + 1}: {case}: {name}: {shown}")
    results = {}
    for case, values in cases.items():
        ordered = {name: values[name] for name in names if name in values}
        results[case] = Result(part, case, ordered, experiment.goals.get(case, []))
    for case, result in results.items():
        for goal in result.goals:
            ours = result.median(result.ours, goal.metric)
            value = None if ours is None else goal.value(ours, results, case)
            result.verdicts.append((str(goal), value, None if value is None else goal.is_met(value)))
    return list(results.values())


# -- running programs, and what they cost


def sample(line: dict) -> dict[str, float]:
    """The metrics of a measurement as our programs print it."""
    operations = line["operations"]
    found = {"rate": operations / line["seconds"], "cpu_us": line["cpu_seconds"] / operations * 1e6}
    for theirs, ours in (("p50_us", "p50_ms"), ("p99_us", "p99_ms")):
        if line.get(theirs) is not None:
            found[ours] = line[theirs] / 1000
    return found


def measure(command: list, timeout: float = 300, env: dict[str, str] | None = None) -> Samples:
    """Runs a program of ours that prints a JSON line for each measurement."""
    output, _ = complete(command, timeout, env)
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {line["name"]: sample(line) for line in lines}


def complete(command: list, timeout: float = 300, env: dict[str, str] | None = None) -> tuple[str, float]:
    """Runs a program to its end; gives what it printed, and the CPU seconds of it and its children."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SOUK_", "PG"))} | (env or {})
    before = os.times()
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout, env=clean)
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"{pathlib.Path(str(command[0])).name} took more than {timeout:.0f} s") from error
    after = os.times()
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise ClusterError(f"{pathlib.Path(str(command[0])).name} ended with {done.returncode}: {' | '.join(said)}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return done.stdout, spent


def processor_seconds(pids: list[int]) -> float:
    """User and system time of these processes and their children, all threads (proc(5), fields 14 and 15 of stat)."""
    total = 0
    for pid in family(pids):
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def family(pids: list[int]) -> set[int]:
    """The processes and all their descendants."""
    found: set[int] = set()
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid in found:
            continue
        found.add(pid)
        for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                waiting += [int(child) for child in children.read_text().split()]
            except OSError:
                continue
    return found


def memory_megabytes(pid: int) -> tuple[float, float]:
    """What is resident, and how much of it is the process's own: the rest are pages of files, such as programs and libraries, which
    all who use them share."""
    found = {"VmRSS": 0.0, "RssAnon": 0.0}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in found:
            found[name] = int(value.split()[0]) / 1024
    return found["VmRSS"], found["RssAnon"]


class Stopwatch:
    """Wall clock and CPU of some processes from its making on."""

    def __init__(self, pids: list[int]):
        self.pids = pids
        self.processor, self.start = processor_seconds(pids), time.monotonic()

    def sample(self, operations: int) -> dict[str, float]:
        seconds = time.monotonic() - self.start
        spent = processor_seconds(self.pids) - self.processor
        return {"rate": operations / seconds, "cpu_us": spent / operations * 1e6}
