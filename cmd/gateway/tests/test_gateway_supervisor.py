"""The gateway's executable under its own supervisor."""

import os
import pathlib
import signal
import socket

import pytest
from cluster.ports import free
from conftest import PLAIN
from gateway_process import wait_until
from h1client import Client


@pytest.fixture
def supervised(bench, app):
    """A gateway with a supervisor and an operations port, in front of `app`."""
    (port,) = free(1)
    gateway = bench.gateway(PLAIN, app=app, start=False, env={"SOUK_SUPERVISOR": "on", "SOUK_OPS_PORT": str(port)})
    gateway.ops_port = port
    gateway.probe = lambda: None if status(port, "/livez") == 200 else "it does not respond"
    return gateway.start()


def status(port: int, path: str) -> int | None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            return int(connection.recv(64).split()[1])
    except (OSError, IndexError):
        return None


def child(gateway) -> int | None:
    tasks = pathlib.Path(f"/proc/{gateway.process.pid}/task").iterdir()
    pids = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    return pids[0] if pids else None


def test_a_killed_gateway_is_back_without_a_refused_connection(supervised, app):
    app.on("/app/x")(lambda exchange: exchange.reply(200, "x"))
    for _ in range(3):
        before = child(supervised)
        os.kill(before, signal.SIGKILL)
        # Whoever comes now waits until the next process reads the socket's queue.
        with Client(supervised) as client:
            assert client.ask("GET", "/app/x").status == 200
        assert child(supervised) != before
    assert supervised.is_running
    crashes = [line for line in supervised.lines() if "ended by a signal" in line["message"]]
    assert [line["signal"] for line in crashes] == ["SIGKILL"] * 3


def test_a_trap_is_described_on_standard_error(supervised):
    os.kill(child(supervised), signal.SIGILL)
    wait_until("the description", lambda: "signal 4 of process" in supervised.log.read_text(errors="replace"))
    wait_until("the next process", lambda: status(supervised.port, "/app/none") is not None)


def test_a_reload_reaches_the_gateway(supervised):
    assert supervised.reload()["level"] == "notice"


def test_operations_are_not_public(supervised):
    for path in ("/livez", "/readyz", "/metrics"):
        assert status(supervised.port, path) == 404, path
        assert status(supervised.ops_port, path) in (200, 503), path
