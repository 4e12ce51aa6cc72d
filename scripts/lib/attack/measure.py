"""What a neighbour notices of an attack, and what the attack costs the server."""

from __future__ import annotations

import asyncio
import dataclasses
import multiprocessing
import pathlib
import statistics
import sys
import time

from private_souk import PrivateSouk

from .clients import NEIGHBOUR, Caller

# Requests a second of the neighbour, below the default rate limit of 20.
RATE = 10
NEIGHBOUR_ACCOUNT = {"email": "neighbour@souk.example", "password": "a quiet neighbour's password"}


@dataclasses.dataclass
class Row:
    attack: str
    """Of the neighbour, in milliseconds; latencies of failed requests count as what they took."""
    p50: float
    p99: float
    requests: int
    failures: int
    """In bytes."""
    memory_before: int
    memory_peak: int
    data_growth: int
    """What the attacker got done."""
    note: str
    survived: bool

    @staticmethod
    def header() -> str:
        return "| attack | p50 ms | p99 ms | failed | memory MB | data MB | attacker |\n|---|---|---|---|---|---|---|"

    def line(self) -> str:
        memory = f"{self.memory_before / 1e6:.0f} → {self.memory_peak / 1e6:.0f}"
        end = self.note if self.survived else f"**the server ended**; {self.note}"
        return (f"| {self.attack} | {self.p50:.1f} | {self.p99:.1f} | {self.failures} of {self.requests} | {memory} "
                f"| {self.data_growth / 1e6:+.1f} | {end} |")

    def figures(self) -> dict:
        return dataclasses.asdict(self)


def measure(attack, binary: pathlib.Path, folder: pathlib.Path, seconds: int) -> Row:
    """Runs one attack against a souk of its own."""
    # The limits are on for everybody: loopback is no exception here.
    souk = PrivateSouk(folder / "data", binary=binary, env={"SOUK_RATE_LIMIT_EXEMPT": ""})
    souk.start()
    try:
        prepared = attack.prepare(souk)
        asyncio.run(register_neighbour(souk.port))
        time.sleep(1)
        pid, size = souk.process.pid, data_size(souk.data)
        processes, before = family(pid), resident(pid)
        attacker = Attacker(attack, souk.port, prepared, seconds)
        peak, latencies, requests, failures = asyncio.run(watch(souk.port, pid, attacker, seconds))
        note = attacker.join()
        if family(pid) != processes:
            print((souk.data / "souk.log").read_text(errors="replace")[-4_000:], file=sys.stderr)
        return Row(
            attack.name, 1e3 * statistics.median(latencies), 1e3 * quantile(latencies, 0.99), requests, failures,
            before, peak, data_size(souk.data) - size, note, family(pid) == processes)
    finally:
        souk.stop()


class Attacker:
    """The attack in a process of its own, so that it does not slow down the neighbour's clock."""

    def __init__(self, attack, port: int, prepared, seconds: int):
        self.queue = multiprocessing.Queue()
        self.process = multiprocessing.Process(target=self.run, args=(attack, port, prepared, seconds), daemon=True)
        self.seconds = seconds

    def run(self, attack, port: int, prepared, seconds: int) -> None:
        async def bounded() -> str:
            return await attack.run(port, prepared, time.monotonic() + seconds)
        try:
            self.queue.put(asyncio.run(bounded()))
        except Exception as error:  # noqa: BLE001 - what the server did to the attacker is a result, whatever it is.
            self.queue.put(f"ended early: {type(error).__name__}: {error}")

    def start(self) -> None:
        self.process.start()

    def join(self) -> str:
        self.process.join(self.seconds + 30)
        if self.process.is_alive():
            self.process.kill()
            return "still running at the end"
        return self.queue.get(timeout=5)


async def register_neighbour(port: int) -> None:
    caller = Caller(port, NEIGHBOUR)
    status, body = await caller.ask("POST", "/api/v1/auth/register", NEIGHBOUR_ACCOUNT | {"name": "Neighbour"})
    assert status == 201, body
    caller.close()


async def watch(port: int, pid: int, attacker: Attacker, seconds: int) -> tuple[int, list[float], int, int]:
    """The highest resident memory, and the neighbour's latencies in seconds, requests and failures."""
    attacker.start()
    # The attack's own beginning.
    await asyncio.sleep(1)
    end, peak = time.monotonic() + seconds - 2, 0
    latencies: list[float] = []
    failures, number = 0, 0
    caller = Caller(port, NEIGHBOUR)
    while (began := time.monotonic()) < end:
        number += 1
        try:
            if number % RATE == 0:
                # A new connection each second, as a new shopper would have.
                caller.close()
                status, _ = await caller.ask("POST", "/api/v1/auth/login", NEIGHBOUR_ACCOUNT)
            else:
                status, _ = await caller.ask("GET", "/api/v1/products")
            failures += status != 200
        except (TimeoutError, OSError, EOFError):
            failures += 1
        # Sign-ins take their time by design: their failures count, their latency does not.
        if number % RATE:
            latencies.append(time.monotonic() - began)
        peak = max(peak, resident(pid))
        await asyncio.sleep(max(0, 1 / RATE - (time.monotonic() - began)))
    caller.close()
    return peak, latencies, number, failures


def family(pid: int) -> set[int]:
    """A process that runs and its descendants: with a supervisor, the server is its child."""
    found, pids = set(), [pid]
    while pids:
        one = pids.pop()
        try:
            children = [(task / "children").read_text() for task in pathlib.Path(f"/proc/{one}/task").iterdir()]
        except OSError:
            continue
        found.add(one)
        pids += map(int, " ".join(children).split())
    return found


def resident(pid: int) -> int:
    """Bytes of a process and its descendants."""
    total = 0
    for one in family(pid):
        try:
            total += 4096 * int(pathlib.Path(f"/proc/{one}/statm").read_text().split()[1])
        except OSError:
            continue
    return total


def data_size(folder: pathlib.Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "souk.log")


def quantile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
