"""A process per service, each under its own supervisor: HTTP, gRPC and operations are held while one is replaced."""

import os
import pathlib
import signal
import socket

import pytest
from cluster.part import http_get
from cluster.description import names
from shop import Market
from souk_client import wait_until

pytestmark = pytest.mark.setups("rabbitmq", reason="one process has no peers; the broker makes no difference here")


def child(part) -> int | None:
    tasks = pathlib.Path(f"/proc/{part.process.pid}/task").iterdir()
    pids = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    return pids[0] if pids else None


def test_every_service_comes_back_with_its_ports(fresh):
    server = fresh(SOUK_SUPERVISOR="on").start()
    market = Market(server)
    ada, thing = market.shopper(), market.shop().sell(stock=100)
    for name in names():
        part = server.part(name)
        supervisor, before = part.process.pid, child(part)
        ports = [server.cluster.ports[port] for port in (name, f"{name}.grpc", f"{name}.ops") if port in server.cluster.ports]
        os.kill(before, signal.SIGKILL)
        for port in ports:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        wait_until("another process", lambda: (pid := child(part)) != before and pid, 10)
        part.await_ready()
        assert part.process.pid == supervisor
        assert "souk_process_restarts_total 1" in http_get(part.ops_port, "/metrics")[1]
        # Through HTTP and, from service to service, gRPC.
        assert market.buy(ada, [(thing, 1)])["status"] == "paid"


def test_operations_of_services_are_not_on_their_http_port(souk):
    for name, part in souk.cluster.services.items():
        assert http_get(part.port, "/metrics")[0] == http_get(part.port, "/readyz")[0] == 404, name
        live = http_get(part.port, "/livez")
        if name == "gateway":
            assert live[0] == 404
        else:
            assert live == (200, '{"status":"alive"}'), name
        assert http_get(part.ops_port, "/readyz")[0] == 200
