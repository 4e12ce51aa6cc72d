"""kill -9 while real invoices are replayed: after every restart the replay goes on, and the books agree."""

import pathlib
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
SMALL = ROOT / "cmd/souk/tests/invoices"
REAL = ROOT.parent / "shared/data/online-retail"
# Where each is reached often, in a process per service.
VICTIMS = {
    "outbox.before_commit": "order", "outbox.after_commit": "payment", "relay.after_publish": "order",
    "consumer.before_commit": "vendor", "consumer.after_handler": "vendor",
    "order.saga_before_settle": "order", "order.saga_after_settle": "order",
}


def replay(server, folder, *more) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, ROOT / "scripts/replay", folder, "--url", server.url, "--workers", "4",
         "--admin-password-file", server.data / "admin-password", *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen, seconds: float = 300) -> str:
    out, err = process.communicate(timeout=seconds)
    last = out.strip().splitlines()[-1] if out.strip() else ""
    assert process.returncode == 0 and last.startswith("reconciled:"), out[-3000:] + err[-2000:]
    return last


def without_seconds(line: str) -> str:
    return line[:line.index(" seconds=")]


def test_the_small_invoices_reconcile_and_again(fresh):
    server = fresh().start()
    first = finish(replay(server, SMALL))
    assert without_seconds(finish(replay(server, SMALL))) == without_seconds(first)


def crash(server, rng: random.Random) -> None:
    """kill -9 to one of its processes, whichever, and starts it again."""
    name = rng.choice(server.names)
    server.kill_part(name)
    server.start_part(name)


def test_twelve_kills_at_random_moments(fresh):
    server = fresh().start()
    process = replay(server, SMALL)
    rng = random.Random(7)
    kills = 0
    # Twelve kills even if the replay is quick: it is run again until all have happened.
    while kills < 12:
        time.sleep(rng.uniform(0.2, 1.2))
        crash(server, rng)
        kills += 1
        if process.poll() is not None:
            finish(process)
            process = replay(server, SMALL)
    finish(process)


@pytest.mark.parametrize("point", VICTIMS)
def test_killed_at_a_named_point(fresh, setup, point):
    server = fresh().start()
    victim = "souk" if setup == "souk" else VICTIMS[point]
    server.kill_part(victim)
    server.start_part(victim, SOUK_CRASH_POINT=f"{point}:25")
    process = replay(server, SMALL)
    deaths = 0
    while process.poll() is None:
        if not server.is_part_running(victim):
            assert server.returncode(victim) == -9
            deaths += 1
            # It dies a few times at the point, then may live.
            server.start_part(victim, **({"SOUK_CRASH_POINT": f"{point}:{25 + 10 * deaths}"} if deaths < 3 else {}))
        time.sleep(0.02)
    finish(process)
    assert deaths >= 1, f"the process never came to {point}"


@pytest.mark.setups("rabbitmq", "kafka", reason="one process has no servers")
@pytest.mark.parametrize("name", ["postgres", "redis", "broker"])
def test_servers_killed_during_a_replay(fresh, setup, name):
    server = fresh(own_servers=True).start()
    before = server.pids()
    away: Callable[[], object]
    back: Callable[[], object]
    if name == "broker" and server.cluster.external_kafka:
        if not server.cluster.kafka_restart:
            pytest.skip("SOUK_TEST_KAFKA_RESTART names no command that restarts that Kafka")
        away, back = server.cluster.kafka.restart, lambda: None
    else:
        part = server.cluster.part(setup if name == "broker" else name)
        # Killing the stand-in for Kafka would lose its messages, which killing Kafka doesn't.
        away, back = (part.pause, part.resume) if part is server.cluster.kafka else (part.kill, lambda: (part.start(), part.await_ready()))
    process = replay(server, SMALL)
    rng = random.Random(23)
    for _ in range(4):
        time.sleep(rng.uniform(1, 3))
        away()
        time.sleep(rng.uniform(0, 2))
        back()
        if process.poll() is not None:
            finish(process)
            process = replay(server, SMALL)
    finish(process)
    assert server.pids() == before, "a process had to be started again"


def test_an_interrupted_replay_goes_on(fresh):
    server = fresh().start()
    process = replay(server, SMALL)
    time.sleep(3)
    process.kill()
    process.communicate()
    finish(replay(server, SMALL))


@pytest.mark.skipif(not REAL.exists(), reason="the real invoices aren't on this machine")
def test_five_real_trading_days_with_kills(fresh):
    server = fresh().start()
    process = replay(server, REAL, "--workers", "8")
    rng = random.Random(11)
    kills, stop = 0, threading.Event()
    while process.poll() is None:
        if kills < 10 and not stop.wait(rng.uniform(2, 6)):
            crash(server, rng)
            kills += 1
        else:
            time.sleep(0.2)
    last = finish(process)
    assert kills == 10
    assert last.startswith("reconciled: orders=495 lines=9681 rejected=4341"), last


def test_bad_input_is_refused_with_exit_status_2(tmp_path):
    def run(folder) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, ROOT / "scripts/replay", folder, "--url", "http://127.0.0.1:1"],
            capture_output=True, text=True)

    assert run(tmp_path / "nothing").returncode == 2
    (tmp_path / "a.csv").write_text("one,two\n1,2\n")
    result = run(tmp_path)
    assert result.returncode == 2 and "columns" in result.stderr
