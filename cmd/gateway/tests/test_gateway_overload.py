"""Who asks too much or too often is told so, and nobody else notices."""

import contextlib
import re
import threading

import pytest
from gateway_process import wait_until
from h1client import Client, ask, fresh, problem
from h2client import H2Client
from recorder import Gate

CROWDED = """
trusted_proxies: [127.0.0.1]
rate_limit_exempt: [198.51.100.0/24]
# One client may take all that a route has: what several may is in test_gateway_budget.py.
budgets: {share: 1/1}
upstreams: {app: {targets: ["$app"]}}
defaults:
  rate_limits: []
  cors: {origins: ["https://shop.example"]}
routes:
  - path: /app/narrow/**
    upstream: app
    concurrency: {limit: 2, queue: 2, queue_timeout: 10s}
  - path: /app/hasty/**
    upstream: app
    concurrency: {limit: 1, queue: 5, queue_timeout: 300ms}
  - path: /app/counted/**
    upstream: app
    rate_limits: [{name: few, quota: 3, window: 60s, shared: false}]
  - path: /app/also-counted/**
    upstream: app
    rate_limits: [{name: few, quota: 3, window: 60s, shared: false}]
  - path: /app/two/**
    upstream: app
    rate_limits: [{name: minute, quota: 100, window: 60s, shared: false}, {name: hour, quota: 2, window: 1h, shared: false}]
  - path: /app/refilled/**
    upstream: app
    rate_limits: [{name: second, quota: 2, window: 1s, shared: false}]
  - path: /app/shared/**
    upstream: app
    rate_limits: [{name: together, quota: 3, window: 60s, shared: true}]
"""


@pytest.fixture(scope="module")
def app(shared_bench):
    return shared_bench.upstream()


@pytest.fixture(scope="module")
def crowded(shared_bench, app):
    # One event loop: limits of concurrency are divided among them.
    return shared_bench.gateway(CROWDED, app=app, env={"SOUK_GATEWAY_THREADS": "1"})


@pytest.fixture(autouse=True)
def stays_up(crowded, app):
    yield
    assert crowded.is_running, crowded.tail()
    assert app.faults == []


# -- At one time

def held(app, path: str) -> Gate:
    gate = Gate()
    app.on(path)(lambda exchange: (gate.wait(), exchange.reply(200, "done")))
    return gate


def test_a_route_takes_so_many_and_lets_so_many_wait(crowded, app):
    path = fresh("/app/narrow/")
    gate = held(app, path)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(crowded)) for _ in range(4)]
        for client in clients[:2]:
            client.request("GET", path)
        wait_until("two at the service", lambda: gate.waiting == 2)
        for client in clients[2:]:
            client.request("GET", path)
        # Two wait; whoever comes now is refused at once, by both protocols.
        wait_until("the queue to be full", lambda: crowded.series("gateway_requests_in_flight", route="/app/narrow/**") == 4)
        for _ in range(3):
            reply = problem(ask(crowded, "GET", path, {"Origin": "https://shop.example"}), 503, "gateway.overloaded")
            assert int(reply.get("retry-after")) >= 1
            assert reply.get("access-control-allow-origin") == "https://shop.example"
        with H2Client(crowded) as other:
            assert other.ask("GET", path).status == 503
        # Other routes have places of their own.
        assert ask(crowded, "GET", fresh()).status == 404
        assert ask(crowded, "GET", fresh("/app/counted/"), {"X-Forwarded-For": "198.51.100.1"}).status == 200
        assert gate.waiting == 2
        gate.open()
        assert [client.reply().body for client in clients] == [b"done"] * 4
    # All places are free again.
    for _ in range(5):
        assert ask(crowded, "GET", path).status == 200


def test_who_waits_too_long_is_sent_away(crowded, app):
    path = fresh("/app/hasty/")
    gate = held(app, path)
    with Client(crowded) as running, Client(crowded) as waiting:
        running.request("GET", path)
        app.await_request(path)
        waiting.request("GET", path)
        problem(waiting.reply(), 503, "gateway.overloaded")
        gate.open()
        assert running.reply().body == b"done"
        assert waiting.ask("GET", path).body == b"done"


def test_who_goes_away_frees_the_place(crowded, app):
    path = fresh("/app/narrow/")
    closed = []
    app.on(path)(lambda exchange: closed.append(exchange.wait_for_close()))
    leavers = [Client(crowded) for _ in range(4)]
    for client in leavers[:2]:
        client.request("GET", path)
    wait_until("two at the service", lambda: len(app.seen(path)) == 2)
    for client in leavers[2:]:
        client.request("GET", path)
    wait_until("all of them", lambda: crowded.series("gateway_requests_in_flight", route="/app/narrow/**") == 4)
    for client in reversed(leavers):
        client.close()
    wait_until("nobody to be left", lambda: crowded.series("gateway_requests_in_flight", route="/app/narrow/**") == 0)
    # None of the places got lost.
    with contextlib.ExitStack() as stack:
        other = fresh("/app/narrow/")
        gate = held(app, other)
        clients = [stack.enter_context(Client(crowded)) for _ in range(2)]
        for client in clients:
            client.request("GET", other)
        wait_until("two at the service", lambda: gate.waiting == 2)
        gate.open()
        assert [client.reply().status for client in clients] == [200, 200]


# -- Within a time

def limits(reply) -> tuple[str | None, str | None]:
    return reply.get("ratelimit-policy"), reply.get("ratelimit")


def by(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


def test_calls_are_counted_per_client(crowded, app):
    with Client(crowded) as client:
        for left in (2, 1, 0):
            reply = client.ask("GET", fresh("/app/counted/"), by("203.0.113.1"))
            policy, state = limits(reply)
            assert reply.status == 200 and policy == '"few";q=3;w=60'
            assert re.fullmatch(rf'"few";r={left};t=\d+', state)
        path = fresh("/app/counted/")
        reply = problem(client.ask("GET", path, by("203.0.113.1")), 429, "rate.limited")
        assert 1 <= int(reply.get("retry-after")) <= 20
        assert limits(reply)[1].startswith('"few";r=0;t=')
        assert app.seen(path) == []
        # A limit's name counts, not the route.
        assert client.ask("GET", "/app/also-counted/x", by("203.0.113.1")).status == 429
        # Somebody else has a quota of his own, whatever he says of himself.
        assert client.ask("GET", fresh("/app/counted/"), by("203.0.113.1, 203.0.113.2")).status == 200
    with H2Client(crowded) as client:
        stream = client.ask("GET", "/app/counted/x", {"x-forwarded-for": "203.0.113.1"})
        assert stream.status == 429 and stream.get("retry-after")


def test_nobody_escapes_by_a_second_line(crowded):
    """Some proxies add a line of X-Forwarded-For of their own behind the client's."""
    statuses = []
    with Client(crowded) as client:
        for number in range(6):
            lines = [("X-Forwarded-For", f"198.18.0.{number}"), ("X-Forwarded-For", "203.0.113.9")]
            statuses.append(client.ask("GET", "/app/counted/x", lines).status)
    assert statuses == [200] * 3 + [429] * 3


def test_households_count_as_one(crowded):
    with Client(crowded) as client:
        def statuses(*addresses: str) -> list[int]:
            return [client.ask("GET", "/app/counted/x", by(address)).status for address in addresses]

        assert statuses(*[f"2001:db8::{number}" for number in range(1, 6)]) == [200] * 3 + [429] * 2
        assert statuses("2001:db8:0:1::1", "2001:DB8:0:0:ffff::") == [200, 429]


def test_exempt_clients_are_not_counted(crowded):
    with Client(crowded) as client:
        for _ in range(8):
            reply = client.ask("GET", "/app/counted/x", by("198.51.100.7"))
            assert reply.status == 200 and limits(reply) == (None, None)


def test_two_limits_count_both(crowded):
    with Client(crowded) as client:
        for left in (1, 0):
            policy, state = limits(client.ask("GET", "/app/two/x", by("203.0.113.20")))
            assert policy == '"minute";q=100;w=60, "hour";q=2;w=3600'
            assert re.fullmatch(rf'"minute";r=\d+;t=\d+, "hour";r={left};t=\d+', state)
        reply = problem(client.ask("GET", "/app/two/x", by("203.0.113.20")), 429)
        assert int(reply.get("retry-after")) > 60


def test_a_quota_fills_up_again(crowded):
    with Client(crowded) as client:
        ask_once = lambda: client.ask("GET", "/app/refilled/x", by("203.0.113.30"))  # noqa: E731
        wait_until("the quota to be used up", lambda: ask_once().status == 429)
        wait_until("the quota to fill up", lambda: ask_once().status == 200, 3)


def test_without_redis_a_shared_limit_counts_here(crowded):
    with Client(crowded) as client:
        statuses = [client.ask("GET", "/app/shared/x", by("203.0.113.40")).status for _ in range(5)]
    assert statuses == [200] * 3 + [429] * 2


def test_many_at_once_get_no_more_than_one_after_another(crowded):
    statuses, lock = [], threading.Lock()

    def one() -> None:
        status = ask(crowded, "GET", "/app/counted/x", by("203.0.113.50")).status
        with lock:
            statuses.append(status)

    threads = [threading.Thread(target=one) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 3 + [429] * 37


def test_probes_are_never_refused(crowded):
    with Client(crowded) as client:
        for _ in range(30):
            assert client.ask("GET", "/livez", by("203.0.113.1")).status == 200


# -- Pages of other origins

def test_preflights_are_answered_here(crowded, app):
    path = fresh("/app/narrow/")
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    reply = ask(crowded, "OPTIONS", path, asked)
    assert reply.status == 204 and reply.get("access-control-allow-origin") == "https://shop.example"
    assert "POST" in reply.get("access-control-allow-methods") and reply.get("vary") == "Origin"
    for origin in ("https://evil.example", "null", "https://shop.example.evil.example", "http://shop.example"):
        reply = ask(crowded, "OPTIONS", path, asked | {"Origin": origin})
        assert reply.status == 204 and not [name for name, _ in reply.fields if name.startswith("access-control")]
    assert app.seen(path) == []
    reply = ask(crowded, "GET", path, {"Origin": "https://shop.example"})
    assert reply.status == 200 and reply.get("access-control-allow-origin") == "https://shop.example"
