"""Footprint: from the start of a process to its first 200 on `/readyz`, and its resident memory: idle, some seconds after the
start, and loaded, after some thousand purchases. *Its own* is anonymous memory; the rest of what is resident are pages of the
program and its libraries, which processes share and the kernel may drop. Processes run without their supervisor, which
has 3 MB of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cluster.description import names

from . import market, purchases
from .measure import Experiment, Goal, Samples, memory_megabytes
from .workplace import Workplace

PACKAGES = purchases.PACKAGES
IDLE_SECONDS = 5


def experiments(place: Workplace) -> Iterator[Experiment]:
    yield Experiment(
        {"souk": lambda: one_process(place)},
        {"souk": [Goal("start_ms", at_most=1_000), Goal("idle_mb", at_most=100)]})
    yield Experiment(
        {"process": lambda: processes(place)}, {name: [Goal("start_ms", at_most=1_000), Goal("idle_mb", at_most=40)] for name in names()}, rounds=1)


def one_process(place: Workplace) -> Samples:
    souk = market.OneProcess(place)
    started = time.monotonic()
    with souk.start():
        metrics = {"start_ms": (time.monotonic() - started) * 1000}
        time.sleep(IDLE_SECONDS)
        metrics |= idle(souk.process.pid)
        work(place, souk)
        return {"souk": metrics | {"loaded_mb": memory_megabytes(souk.process.pid)[0]}}


def processes(place: Workplace) -> Samples:
    """The first start makes databases; what is measured is a restart of each, one after the other."""
    samples: dict[str, dict[str, float]] = {}
    with market.ManyProcesses(place) as running:
        for name, part in running.cluster.services.items():
            part.stop()
            part.start()
            samples[name] = {"start_ms": part.await_ready() * 1000}
        time.sleep(IDLE_SECONDS)
        for name, pid in running.pids().items():
            samples[name] |= idle(pid)
        work(place, running)
        for name, pid in running.pids().items():
            samples[name]["loaded_mb"] = memory_megabytes(pid)[0]
    return samples


def idle(pid: int) -> dict[str, float]:
    return dict(zip(("idle_mb", "own_mb"), memory_megabytes(pid), strict=True))


def work(place: Workplace, running) -> None:
    goods = place.folder / "goods-footprint"
    goods.write_text("\n".join(market.open_shop(running, 20).variants) + "\n")
    purchases.buy(place, running, goods, place.amount(5, 2))
