"""What one client can take of what all share is bounded, so that another is served whatever the first does."""

import contextlib
import json
import select
import socket
import sys
import time
import types

import pytest
from gateway_process import wait_until
from h1client import Client, ask, fresh, problem, stranger
from h2client import DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, WINDOW_UPDATE, H2Client, frame
from recorder import Gate, settles
from test_gateway_http2_attacks import flooded, request_block
from token_maker import Key, token

# One event loop, as slots are divided among them. An eighth of 16 slots is 2, of 64 connections 8, of 2 MiB 256 KiB.
POLICY = """
trusted_proxies: [127.0.0.9]
rate_limit_exempt: [127.0.0.8]
listener: {max_connections: 64}
budgets: {share: 1/8, body_memory: 2MiB, http2_frames: 100}
upstreams: {app: {targets: ["$app"]}}
defaults:
  rate_limits: []
  max_body: 16MiB
  body_rate: {min: 1KiB, grace: 1s}
  concurrency: {limit: 16, queue: 16, queue_timeout: 5s}
routes:
  - {path: /app/**, upstream: app}
  - {path: /app/accounts/**, upstream: app, token: verified}
  - {path: /app/patient/**, upstream: app, body_rate: off}
  - {path: /app/wide/**, upstream: app, concurrency: {limit: 64, queue: 16, queue_timeout: 5s}}
  - {path: /app/probed/**, upstream: app, breaker: {failures: 2, open_for: 300ms}}
  - path: /app/counted/**
    upstream: app
    token: verified
    max_body: 1KiB
    cors: {origins: ["https://shop.example"]}
    rate_limits: [{name: few, quota: 5, window: 60s, shared: false}]
  - {path: /readyz, upstream: local, timeouts: {first_byte: 300ms, total: 10s}}
  - {path: /livez, upstream: local}
"""
LENGTH = {"Content-Length": "1000"}


@pytest.fixture
def key(tmp_path) -> Key:
    return Key(tmp_path, "current")


@pytest.fixture
def app(bench):
    return bench.upstream()


@pytest.fixture
def gateway(bench, app):
    gateway = bench.gateway(POLICY, app=app, env={"SOUK_GATEWAY_THREADS": "1"})
    yield gateway
    assert gateway.is_running, gateway.tail()
    assert app.faults == []


def held(app, path: str) -> Gate:
    gate = Gate()
    app.on(path)(lambda exchange: (exchange.read(), gate.wait(), exchange.reply(200, "done")))
    return gate


def in_flight(gateway, route: str = "/app/**") -> float:
    return gateway.series("gateway_requests_in_flight", route=route)


def refused(gateway, kind: str) -> float:
    return gateway.series("gateway_budget_refusals_total", kind=kind)


# -- Slots

def test_slow_bodies_hold_no_slot(gateway, app):
    """Forty requests of one client whose bodies don't come, where there are 16 slots and 16 entries of the queue."""
    path, attacker = fresh(), stranger()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(gateway, source=attacker)) for _ in range(8)]
        for client in clients:
            client.request("POST", path, LENGTH, b"a little")
        streams = stack.enter_context(H2Client(gateway, source=stranger()))
        numbers = [streams.start("POST", path, [("content-length", "1000")], ends=False) for _ in range(8)]
        wait_until("all of them", lambda: in_flight(gateway) == 16)
        for _ in range(3):
            assert ask(gateway, "POST", fresh(), body=b"x" * 1_000).json["length"] == 1_000
        assert app.seen(path) == []
        # They have a second of grace, and less than a second more for 8 bytes.
        begun = time.monotonic()
        for client in clients:
            problem(client.reply("POST"), 408, "request.timeout")
        for number in numbers:
            assert streams.finish(number).status == 408
        assert time.monotonic() - begun < 3
    assert refused(gateway, "body_rate") == 16


def test_a_body_that_keeps_the_rate_may_take_its_time(gateway, app):
    path = fresh()
    with Client(gateway) as client:
        client.request("POST", path, {"Content-Length": "3000"})
        for _ in range(10):
            time.sleep(0.2)
            client.send(b"x" * 300)
        assert client.reply("POST").json["length"] == 3_000


def test_a_route_may_let_bodies_take_their_time(gateway, app):
    path = fresh("/app/patient/")
    with Client(gateway) as client:
        client.request("POST", path, {"Content-Length": "2"}, b"x")
        time.sleep(1.5)
        client.send(b"x")
        assert client.reply("POST").json["length"] == 2


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 300_000])
def test_bodies_arrive_whole(gateway, app, size, framing):
    path, body = fresh(), bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    app.on(path)(lambda exchange: exchange.reply(200, exchange.read()))
    with Client(gateway) as client:
        if framing == "length":
            client.request("PUT", path, body=body)
        else:
            client.request("PUT", path, {"Transfer-Encoding": "chunked"})
            client.send(b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:1], body[1:]) if part) + b"0\r\n\r\n")
        assert client.reply("PUT").body == body
        # The connection goes on.
        assert client.ask("GET", fresh()).status == 200
    with H2Client(gateway) as client:
        reply = client.ask("PUT", path, body=body)
        assert reply.status == 200 and bytes(reply.body) == body


def test_one_client_gets_an_eighth_of_the_slots(gateway, app):
    path, attacker = fresh(), stranger()
    gate = held(app, path)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(gateway, source=attacker)) for _ in range(5)]
        for number, client in enumerate(clients[:4], start=1):
            client.request("GET", path)
            wait_until("the request", lambda number=number: in_flight(gateway) == number)
        # Two run and two wait; the next is refused, by both protocols.
        reply = problem(clients[4].ask("GET", path), 503, "gateway.client_busy")
        assert int(reply.get("retry-after")) >= 1
        with H2Client(gateway, source=attacker) as other:
            assert other.ask("GET", path).status == 503
        assert gate.waiting == 2
        for _ in range(10):
            assert ask(gateway, "GET", fresh()).status == 200
        assert refused(gateway, "slots") == 2
        gate.open()
        assert [client.reply().body for client in clients[:4]] == [b"done"] * 4


def test_clients_behind_a_trusted_proxy_are_distinguished(gateway, app):
    path = fresh()
    gate = held(app, path)

    def by(client: Client, address: str) -> None:
        client.request("GET", path, {"X-Forwarded-For": address})

    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(gateway, source="127.0.0.9")) for _ in range(20)]
        for number, client in enumerate(clients[:4], start=1):
            by(client, "203.0.113.1")
            wait_until("the request", lambda number=number: in_flight(gateway) == number)
        by(clients[4], "203.0.113.1")
        problem(clients[4].reply(), 503, "gateway.client_busy")
        by(clients[5], "203.0.113.2")
        wait_until("another client's", lambda: gate.waiting == 3)
        # A /64 is one client; the proxy itself has more connections than an eighth.
        for number, client in enumerate(clients[6:11]):
            by(client, f"2001:db8::{number}")
        problem(clients[10].reply(), 503, "gateway.client_busy")
        gate.open()


def test_an_account_has_one_budget_from_many_addresses(bench, app, key):
    keys = bench.upstream()
    keys.on("/jwks.json")(lambda exchange: exchange.reply(200, json.dumps({"keys": [key.jwk]}), {"Content-Type": "application/json"}))
    gateway = bench.gateway(POLICY, app=app, env={"SOUK_GATEWAY_THREADS": "1", "SOUK_JWKS_URL": f"http://{keys}/jwks.json"})
    path, fields = fresh("/app/accounts/"), {"Authorization": f"Bearer {token(key)}"}
    wait_until("the keys", lambda: ask(gateway, "GET", fresh("/app/accounts/"), fields).status == 200)
    gate = held(app, path)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(gateway, source=stranger())) for _ in range(5)]
        for number, client in enumerate(clients[:4], start=1):
            client.request("GET", path, fields)
            wait_until("it", lambda number=number: gateway.series("gateway_requests_in_flight", route="/app/accounts/**") == number)
        problem(clients[4].ask("GET", path, fields), 503, "gateway.client_busy")
        # The same address without the account.
        assert clients[4].ask("GET", fresh("/app/accounts/")).status == 200
        gate.open()
        assert [client.reply().status for client in clients[:4]] == [200] * 4


# -- Connections

def test_one_client_gets_an_eighth_of_the_connections(gateway, app):
    attacker = stranger()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(gateway, source=attacker)) for _ in range(64)]

        def ended() -> int:
            # Without waiting: those that are closed can be read to their end.
            ready, _, _ = select.select([client.sock for client in clients], [], [], 0)
            return len(ready)

        wait_until("those beyond the eighth to be closed", lambda: ended() == 56)
        assert ask(gateway, "GET", fresh()).status == 200
        assert refused(gateway, "connections") == 56
        for client in clients:
            client.close()
    wait_until("room for more", lambda: served(gateway, attacker))


def served(gateway, source: str) -> bool:
    try:
        return ask(gateway, "GET", fresh(), source=source).status == 200
    except (AssertionError, OSError):
        return False


def test_who_is_exempt_has_no_budget(gateway, app):
    path = fresh()
    gate = held(app, path)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(gateway, source="127.0.0.8")) for _ in range(16)]
        for client in clients:
            client.request("GET", path)
        wait_until("all at the service", lambda: gate.waiting == 16)
        gate.open()
        assert [client.reply().status for client in clients] == [200] * 16


# -- Bytes of bodies

def test_one_client_gets_an_eighth_of_the_memory_for_bodies(gateway, app):
    """Streams that send 60 KiB of 64 each, and no more: four of them are nearly 256 KiB."""
    attacker, part = stranger(), b"x" * 61_440
    with H2Client(gateway, source=attacker) as client:
        numbers = []
        for _ in range(7):
            numbers.append(client.start("POST", fresh("/app/patient/"), [("content-length", "65536")], ends=False))
            client.upload(numbers[-1], part, ends=False)
        for number in numbers[4:]:
            assert client.finish(number).status == 503
        assert [client.streams[number].is_over for number in numbers[:4]] == [False] * 4
        assert refused(gateway, "body_memory") == 3
        # Others have theirs.
        assert ask(gateway, "POST", fresh(), body=b"y" * 65_000).json["length"] == 65_000
    wait_until("the memory to be given back", lambda: in_flight(gateway, "/app/patient/**") == 0)
    assert ask(gateway, "POST", fresh(), body=b"y" * 65_000, source=attacker).json["length"] == 65_000


def test_what_waits_behind_a_request_counts_as_a_body(gateway, app):
    """Requests in progress, with 60 KB of whatever comes next behind each: four times that is nearly 256 KiB."""
    attacker, path = stranger(), fresh("/app/wide/")
    gate = held(app, path)
    with contextlib.ExitStack() as stack:
        for _ in range(7):
            client = stack.enter_context(Client(gateway, source=attacker))
            client.request("GET", path, {"Content-Length": "0"}, b"G" * 60_000)
        wait_until("three refusals", lambda: refused(gateway, "body_memory") == 3)
        wait_until("the other four", lambda: in_flight(gateway, "/app/wide/**") == 4)
        assert ask(gateway, "POST", fresh(), body=b"y" * 65_000).json["length"] == 65_000
    gate.open()
    wait_until("the memory to be given back", lambda: in_flight(gateway, "/app/wide/**") == 0)
    assert ask(gateway, "POST", fresh(), body=b"y" * 65_000, source=attacker).json["length"] == 65_000


# -- HTTP/2

def test_streams_count_like_requests(gateway, app):
    """An eighth of 64, however few connections they come on."""
    attacker, path = stranger(), fresh("/app/patient/")
    with H2Client(gateway, source=attacker) as client:
        numbers = [client.start("POST", path, ends=False) for _ in range(12)]
        for number in numbers[8:]:
            assert client.finish(number).status == 503
        assert not client.streams[numbers[7]].is_over
        assert refused(gateway, "requests") == 4
        assert ask(gateway, "GET", fresh()).status == 200


def window_updates():
    while True:
        yield frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\x01")


def unknown_frames():
    while True:
        yield frame(0xFA, 0, 0, b"12345678")


def bytes_of_a_body():
    yield frame(HEADERS, END_HEADERS, 1, request_block(fresh("/app/patient/")))
    while True:
        yield frame(DATA, 0, 1, b"a")


def resets():
    block = request_block(fresh())
    for number in range(1, 1 << 20, 2):
        yield frame(HEADERS, END_HEADERS | END_STREAM, number, block) + frame(RST_STREAM, 0, number, b"\0\0\0\x08")


@pytest.mark.parametrize("flood", [window_updates, unknown_frames, bytes_of_a_body, resets], ids=lambda flood: flood.__name__)
def test_floods_cost_the_client_and_not_the_connection(gateway, app, flood):
    """A second connection begins where the first ended; HTTP/1.1 and other clients go on."""
    attacker = stranger()
    with H2Client(gateway) as other:
        for _ in range(3):
            with H2Client(gateway, source=attacker) as client:
                assert flooded(client, flood(), patience=5)
            assert other.ask("GET", fresh()).status == 200
        assert refused(gateway, "http2_frames") >= 3
        assert ask(gateway, "GET", fresh(), source=attacker).status == 200
        # And after a while HTTP/2 again.
        wait_until("the debt to be paid", lambda: http2_works(gateway, attacker))


def http2_works(gateway, source: str) -> bool:
    try:
        with H2Client(gateway, source=source) as client:
            return client.ask("GET", fresh()).status == 200
    except (AssertionError, OSError):
        return False


# -- Requests that are refused

REFUSED = {
    "preflight": (204, ("OPTIONS", {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"})),
    "a preflight of others": (204, ("OPTIONS", {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})),
    "too long": (413, ("POST", {"Content-Length": "2000"})),
    "a bad token": (401, ("GET", {"Authorization": "Bearer x y"})),
    "an expectation": (417, ("GET", {"Expect": "the worst"})),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_counts_as_a_request(gateway, app, what):
    status, (method, fields) = REFUSED[what]
    client, path = stranger(), fresh("/app/counted/")
    assert [ask(gateway, method, path, fields, source=client).status for _ in range(7)] == [status] * 5 + [429] * 2
    assert app.seen(path) == []


def test_what_is_no_request_counts_as_one(bench, app):
    gateway = bench.gateway(
        'include: marketplace\ndefaults: {rate_limits: [{name: few, quota: 5, window: 60s, shared: false}]}\n')
    source = stranger()
    for _ in range(5):
        with Client(gateway, source=source) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
            assert client.reply().status == 400
    assert ask(gateway, "GET", "/nothing", source=source).status == 429
    assert ask(gateway, "GET", "/nothing", source=stranger()).status == 404


# -- Time-outs of this process's own routes, and of services that come back

def test_time_outs_hold_for_own_routes(bench):
    slow = bench.upstream(script=lambda exchange: (time.sleep(0.9), exchange.reply(200)))
    gateway = bench.gateway(POLICY, app=slow)
    begun = time.monotonic()
    problem(ask(gateway, "GET", "/readyz"), 504, "deadline.exceeded")
    assert 0.25 < time.monotonic() - begun < 0.8


def test_a_probe_is_not_lost_to_a_connection_that_was_closed(gateway, app):
    """The breaker is half-open, and the connection that has waited is closed by the service."""
    path, status = fresh("/app/probed/"), [200]
    served_on = set()

    @app.on(path)
    def once_per_connection(exchange) -> None:
        if id(exchange.connection) in served_on:
            return exchange.close()
        served_on.add(id(exchange.connection))
        exchange.reply(status[0])

    assert ask(gateway, "GET", path).status == 200
    status[0] = 502
    assert [ask(gateway, "GET", path).status for _ in range(2)] == [502] * 2
    assert ask(gateway, "GET", path).status == 503
    status[0] = 200
    time.sleep(0.5)
    assert ask(gateway, "GET", path).status == 200


def test_who_does_not_take_responses_gets_no_more_of_them(gateway):
    """Forty thousand requests one after another on one connection, whose responses nobody reads."""
    with Client(gateway, receive_buffer=4_096, source=stranger()) as client:
        client.sock.setblocking(False)
        waiting = memoryview(b"GET /n HTTP/1.1\r\nHost: a\r\n\r\n" * 40_000)

        def answered() -> float:
            nonlocal waiting
            with contextlib.suppress(BlockingIOError):
                while waiting:
                    waiting = waiting[client.sock.send(waiting):]
            return gateway.series("gateway_requests_total", route="/**")

        # What the kernel's buffers hold, and no more.
        assert settles(answered) < 20_000
        assert ask(gateway, "GET", "/n").status == 404


# -- Memory of the whole marketplace in one process

MEBIBYTE = 1 << 20
GROWTH_KILOBYTES = 200 << 10


def test_six_hundred_bodies_of_a_mebibyte_stay_out_of_memory(gateway_binary, tmp_path):
    """As much as 600 MiB if each were kept until its last byte."""
    from private_souk import PrivateSouk

    souk = PrivateSouk(tmp_path / "data", binary=gateway_binary.parent / "souk", env={"SOUK_RATE_LIMIT_EXEMPT": ""})
    souk.start()
    attacker, sockets = stranger(), []
    try:
        before = resident(souk.process.pid)
        head = b"PUT /api/v1/cart/items HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % MEBIBYTE
        waiting = {}
        for _ in range(600):
            sock = socket.create_connection(("127.0.0.1", souk.port), source_address=(attacker, 0))
            sock.setblocking(False)
            sockets.append(sock)
            waiting[sock] = memoryview(head + b" " * (MEBIBYTE - 1))
        deadline, peak = time.monotonic() + 20, before
        while waiting and time.monotonic() < deadline:
            _, ready, _ = select.select([], list(waiting), [], 0.5)
            for sock in ready:
                try:
                    waiting[sock] = waiting[sock][sock.send(waiting[sock][:65_536]):]
                except BlockingIOError:
                    continue
                except OSError:
                    waiting[sock] = waiting[sock][:0]
                if not waiting[sock]:
                    del waiting[sock]
            peak = max(peak, resident(souk.process.pid))
        peak = max(peak, resident(souk.process.pid))
        print(f"resident {before >> 10} MB, at most {peak >> 10} MB", file=sys.stderr)
        assert peak - before < GROWTH_KILOBYTES
        # Whoever behaves is served meanwhile.
        server = types.SimpleNamespace(port=souk.port, context=None)
        assert ask(server, "GET", "/api/v1/products").status == 200
        assert ask(server, "PUT", "/api/v1/cart/items", {"Content-Type": "application/json"}, b"{}").status == 422
    finally:
        for sock in sockets:
            sock.close()
        souk.stop()


def resident(process: int) -> int:
    """In kilobytes."""
    with open(f"/proc/{process}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
