"""souk under its own supervisor: a process that a signal ends is replaced at once, and nobody who asked notices more than a pause."""

import json
import os
import pathlib
import random
import resource
import secrets
import signal
import socket
import statistics
import subprocess
import threading
import time
import urllib.request

import pytest
from private_souk import PrivateSouk
from setups import FAST
from shop import ADDRESS, Market
from souk_client import wait_until
from wire import ask, ask_operations

pytestmark = pytest.mark.setups("souk", reason="the same supervisor in every executable; clusters of tests are their own")


class Supervised(PrivateSouk):
    """souk as it runs unless told otherwise. `process` is the supervisor."""

    def __init__(self, folder: pathlib.Path, binary: pathlib.Path, **env: str):
        super().__init__(folder, binary=binary, env=FAST | {"SOUK_SUPERVISOR": "on", "SOUK_LOG_FORMAT": "json"} | env)

    def child(self) -> int | None:
        """The process that serves; nil while there is none."""
        found = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pids = [pid for task in found.parents[1].iterdir() for pid in (task / "children").read_text().split()]
        assert len(pids) <= 1, pids
        return int(pids[0]) if pids else None

    def end_child(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Sends the signal to the process that serves, waits until another does, and gives that one's pid."""
        before = wait_until("a process to serve", self.child)
        os.kill(before, number)
        return wait_until("another process to serve", lambda: (pid := self.child()) != before and pid, 10)

    def crashes(self) -> list[dict]:
        """What the supervisor has logged of crashes."""
        lines = [json.loads(line) for line in self.logs().splitlines() if line.startswith("{")]
        return [line for line in lines if "ended by a signal" in line["message"]]

    def restarts(self) -> float:
        text = ask_operations(self, "/metrics").raw.decode()
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith("souk_process_restarts_total ")))


@pytest.fixture
def supervised(binary, tmp_path):
    made = []

    def make(**env: str) -> Supervised:
        made.append(Supervised(tmp_path / f"souk{len(made)}", binary, **env))
        return made[-1].start()

    yield make
    for server in made:
        server.close()


class Knocker(threading.Thread):
    """Opens a connection and asks, again and again: being refused is what must never happen."""

    def __init__(self, port: int):
        super().__init__(daemon=True)
        self.port, self.ends = port, threading.Event()
        self.refused, self.answered, self.broken = 0, [], 0

    def run(self) -> None:
        while not self.ends.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                    connection.sendall(b"GET /api/v1/ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    if connection.recv(64).startswith(b"HTTP/1.1 200"):
                        self.answered.append(time.monotonic())
                    else:
                        self.broken += 1
            except ConnectionRefusedError:
                self.refused += 1
            except OSError:
                self.broken += 1  # It was the killed process's already.
            time.sleep(0.002)

    def first_after(self, moment: float) -> float | None:
        return next((answered for answered in self.answered[-50:] if answered > moment), None)


class Buyer(threading.Thread):
    """Checks out with a key each, repeating whatever was not answered; remembers what was."""

    def __init__(self, market: Market, variant: dict, ends: threading.Event):
        super().__init__(daemon=True)
        self.client, self.variant, self.ends = market.shopper(), variant, ends
        self.orders: dict[str, str] = {}
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            while not self.ends.is_set():
                self.client.put("/api/v1/cart/items", {"items": [{"variant_id": self.variant["id"], "quantity": 1}]})
                key = secrets.token_hex(8)
                reply = self.client.post("/api/v1/checkout", {"shipping_address": ADDRESS}, key=key)
                self.orders[key] = reply.data["id"]
                again = self.client.post("/api/v1/checkout", {"shipping_address": ADDRESS}, key=key)
                assert again.data["id"] == self.orders[key]
                self.client.post(f"/api/v1/orders/{self.orders[key]}/cancel", key=secrets.token_hex(8))
        except Exception as error:  # noqa: BLE001 - the test raises it
            self.failure = error


def test_a_hundred_kills_under_load_lose_no_answered_request(supervised):
    server = supervised(SOUK_ORDER_COOL_DOWN="0s", SOUK_VENDOR_HOLD_ATTEMPTS="1000")
    market = Market(server)
    variant = market.shop().sell(stock=1_000_000)
    ends, knocker = threading.Event(), Knocker(server.port)
    buyers = [Buyer(market, variant, ends) for _ in range(3)]
    for thread in [knocker, *buyers]:
        thread.start()
    rng, pauses = random.Random(9), []
    for _ in range(100):
        # Killed young and old; two in a row that did not live long cost the third a little delay.
        time.sleep(rng.uniform(0.05, 0.5))
        killed = time.monotonic()
        server.end_child()
        answered = wait_until("an answer", lambda: knocker.first_after(killed + 0.001), 20)
        pauses.append(answered - killed)
    assert server.restarts() == 100
    ends.set()
    knocker.ends.set()
    for thread in [knocker, *buyers]:
        thread.join(60)
        assert not thread.is_alive()
    assert [buyer.failure for buyer in buyers] == [None] * 3
    assert knocker.refused == 0 and len(knocker.answered) > 100
    kept = {order["id"] for buyer in buyers for order in buyer.client.pages("/api/v1/orders")}
    answered = [order for buyer in buyers for order in buyer.orders.values()]
    assert len(answered) > 20 and len(set(answered)) == len(answered) and set(answered) <= kept
    assert len(kept) == len(answered), "an order that nobody was told of, or two for one key"
    print(f"{len(answered)} orders; from kill to answer: median {statistics.median(pauses) * 1000:.0f} ms, most {max(pauses) * 1000:.0f} ms")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP])
def test_a_crash_is_described_logged_and_counted(supervised, number):
    server = supervised()
    began = time.monotonic()
    server.end_child(number)
    assert ask(server, "GET", "/api/v1/ping").status == 200
    assert time.monotonic() - began < 3
    assert server.restarts() == 1
    [line] = server.crashes()
    assert line["signal"] == number.name and line["level"] == "error" and int(line["runtime_ms"]) > 0
    file = pathlib.Path(line["backtrace"])
    assert file.parent == server.data / "crashes" and file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    text = file.read_text()
    assert text.startswith(f"signal {number.value} of process ") and len(text.splitlines()) > 2, text


def test_a_crash_loop_slows_down_and_only_the_newest_descriptions_are_kept(supervised):
    server = supervised()
    crashes = server.data / "crashes"
    crashes.mkdir(mode=0o700)
    for number in range(30):
        (crashes / f"crash-20200101T0000{number:02}Z-1-1.txt").write_text("old")
    for _ in range(4):
        server.end_child(signal.SIGABRT)
    wait_until("an answer", lambda: ask(server, "GET", "/api/v1/ping").status == 200)
    crashes_logged = server.crashes()
    # The first process counts as well where it lived for less than half a second.
    first = 200 if int(crashes_logged[0]["runtime_ms"]) < 500 else 100
    assert [int(line["delay_ms"]) for line in crashes_logged][-2:] == [first, 2 * first]
    assert len(list(crashes.iterdir())) <= 21
    assert (crashes / "crash-20200101T000000Z-1-1.txt").exists() is False


def test_signals_reach_the_process_that_serves(supervised):
    server = supervised(SOUK_LOG_LEVEL="notice")
    server.process.send_signal(signal.SIGHUP)
    wait_until("the policy to be read again", lambda: "the policy was read again" in server.logs())
    child = server.child()
    assert pathlib.Path(f"/proc/{child}/comm").read_text() == "souk\n"
    assert server.stop() == 0
    assert not pathlib.Path(f"/proc/{child}").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=1)


def test_nothing_survives_the_supervisor(supervised):
    server = supervised()
    child = server.child()
    server.kill()
    wait_until("the process to end", lambda: not pathlib.Path(f"/proc/{child}").exists())
    server.start()
    assert ask(server, "GET", "/api/v1/ping").status == 200


def test_the_supervisor_is_small(supervised):
    server = supervised()
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    own = int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")))
    assert own < 6 * 1024, f"{own} kB"


@pytest.mark.parametrize("kind", ["public", "operations"])
def test_a_lack_of_descriptors_ends_nothing(supervised, kind):
    server = supervised()
    child, port = server.child(), server.port if kind == "public" else server.ops_port
    used = len(list(pathlib.Path(f"/proc/{child}/fd").iterdir()))
    soft, hard = resource.prlimit(child, resource.RLIMIT_NOFILE)
    resource.prlimit(child, resource.RLIMIT_NOFILE, (used + 2, hard))
    waiting = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(8)]
    time.sleep(0.5)  # It tries to accept them meanwhile.
    resource.prlimit(child, resource.RLIMIT_NOFILE, (soft, hard))
    for connection in waiting:
        connection.close()
    assert ask(server, "GET", "/api/v1/ping").status == 200
    assert ask_operations(server, "/livez").status == 200
    assert server.child() == child and server.running


@pytest.mark.parametrize("how", ["option", "variable"])
def test_without_a_supervisor(binary, tmp_path, how):
    command = [binary, "serve"] + (["--no-supervisor"] if how == "option" else [])
    env = {"SOUK_SUPERVISOR": "off"} if how == "variable" else {}
    server = Supervised(tmp_path / "souk", binary)
    data = server.environment() | env
    process = subprocess.Popen(command, env=data, cwd=server.data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until("its address", (server.data / "souk.url").exists)
        server.process = process
        assert server.child() is None
        process.kill()
        assert process.wait(10) == -9
    finally:
        process.kill()


def test_operations_are_not_public(supervised):
    server = supervised()
    for path in ("/livez", "/readyz", "/metrics"):
        assert ask(server, "GET", path).status == 404, path
        with urllib.request.urlopen(f"{server.ops_url}{path}", timeout=5) as reply:
            assert reply.status == 200
    assert ask(server, "GET", "/api/v1/ping", port=server.ops_port).status == 404


@pytest.mark.parametrize("value,public", [("off", 404), ("public", 200)])
def test_operations_can_be_off_or_public(supervised, value, public):
    server = supervised(SOUK_OPS_PORT=value)
    assert {ask(server, "GET", path).status for path in ("/livez", "/readyz", "/metrics")} == {public}
    assert server.ops_url == ("" if value == "off" else server.url)


def test_the_data_is_for_its_owner_alone(binary, tmp_path):
    data = tmp_path / "souk"
    (data / "mail").mkdir(parents=True)
    (data / "mail/old.eml").write_text("To: ada@test.example")
    for path, mode in ((data, 0o755), (data / "mail", 0o777), (data / "mail/old.eml", 0o644)):
        path.chmod(mode)
    before = os.umask(0)
    try:
        with Supervised(data, binary) as server:
            Market(server).shopper()
            wait_until("a mail", lambda: len(list((data / "mail").rglob("*.eml"))) > 1)
            wide = {
                str(path.relative_to(data)): oct(path.stat().st_mode & 0o777) for path in [data, *data.rglob("*")]
                if path.stat().st_mode & 0o077 and path.name != "souk.log"}
            assert wide == {}
            assert {"order.sqlite", "order.sqlite-wal", "events.sqlite", "souk.url"} <= {path.name for path in data.iterdir()}
    finally:
        os.umask(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(binary, tmp_path):
    data = tmp_path / "theirs"
    data.mkdir()
    os.chown(data, 12_345, 12_345)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SOUK_")}
    done = subprocess.run(
        [binary, "serve"], env=clean | {"SOUK_PORT": "0", "SOUK_DATA_DIR": str(data)}, cwd=tmp_path, capture_output=True,
        text=True, timeout=60)
    assert done.returncode == 1 and "belongs to user 12345" in done.stderr, done.stderr
    assert list(data.iterdir()) == []
