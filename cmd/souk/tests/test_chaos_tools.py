"""What chaos does its harm with: webhooks that are meddled with, and links that hold, slow and reset."""

import json
import socket
import socketserver
import threading
import time

import pytest
from chaos.links import Links
from chaos.meddler import Meddler, sign
from souk_client import wait_until

pytestmark = pytest.mark.setups("rabbitmq", reason="about the tools of chaos, whatever the services do")


class Receiver:
    """Takes webhooks as the marketplace would: true ones only."""

    def __init__(self, secret: str):
        self.secret, self.true, self.refused = secret, [], 0

    def take(self, body: bytes, signature: str) -> int:
        moment = signature.partition(",")[0].removeprefix("t=")
        if signature and sign(body, self.secret, int(moment)) == signature:
            self.true.append(json.loads(body)["id"])
            return 200
        self.refused += 1
        return 401


@pytest.fixture
def meddled():
    """A meddler before a receiver that is called without a network."""
    receiver = Receiver("secret")
    meddler = Meddler("http://127.0.0.1:1/webhooks", seed=1)
    meddler.forward = receiver.take  # type: ignore[method-assign]
    yield meddler, receiver
    meddler.close()


def deliver(meddler, count: int) -> list[str]:
    ids = [f"evt_{number}" for number in range(count)]
    for each in ids:
        body = json.dumps({"id": each, "type": "charge.captured", "data": {"amount": {"amount": 1, "currency": "GBP"}}}).encode()
        assert meddler.take(body, sign(body, "secret", time.time())) == 200
    return ids


@pytest.mark.parametrize("mode", ["pass", "duplicate", "late", "reorder", "lost", "forge"])
def test_webhooks_are_meddled_with(meddled, mode):
    meddler, receiver = meddled
    meddler.rng.uniform = lambda low, high: 0.05
    meddler.set(mode)
    ids = deliver(meddler, 4)
    meddler.set("pass")
    wait_until("all to be delivered", meddler.is_idle, 10)
    expected = {"pass": ids, "duplicate": ids * 3, "late": ids, "reorder": ids, "lost": [], "forge": ids}[mode]
    assert sorted(receiver.true) == sorted(expected)
    assert mode != "reorder" or receiver.true == ids[::-1]
    assert receiver.refused == (20 if mode == "forge" else 0) and meddler.accepted_forgeries == []


def test_an_accepted_forgery_is_told(meddled):
    meddler, _ = meddled
    meddler.forward = lambda body, signature: 200
    meddler.set("forge")
    deliver(meddler, 1)
    assert len(meddler.accepted_forgeries) == 5


@pytest.fixture
def echo_port():
    class Echo(socketserver.BaseRequestHandler):
        def handle(self):
            while data := self.request.recv(1000):
                self.request.sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def answer(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    return connection.recv(100)


def test_links_hold_and_reset(echo_port):
    links = Links()
    try:
        port = links.listen("a→b", "127.0.0.1", ("127.0.0.1", echo_port))
        connection = connect(port)
        assert answer(connection, b"one") == b"one"
        links.set(["a→b"], "hold", way="in")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            answer(connection, b"two")
        links.open()
        connection.settimeout(5)
        assert connection.recv(10) == b"two", "what was held is not lost"
        links.set(["a→b"], "reset", chance=1.0)
        with pytest.raises(ConnectionResetError):
            answer(connection, b"three")
        links.set(["a→b"], "slow", delay=0.3, rate=1e6)
        slow, began = connect(port), time.monotonic()
        assert answer(slow, b"four") == b"four" and time.monotonic() - began >= 0.6
    finally:
        links.close()
    assert links.process.returncode == 0
