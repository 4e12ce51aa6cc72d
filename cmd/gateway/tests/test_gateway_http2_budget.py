"""Bodies that wait in HTTP/2 streams, and requests that are refused there, are paid for by their client."""

import time

import hpack
import pytest
from gateway_process import wait_until
from h1client import ask, fresh, stranger
from h2client import END_HEADERS, END_STREAM, HEADERS, WINDOW_UPDATE, H2Client, frame
from recorder import Gate
from test_gateway_http2_attacks import flooded, request_block

# One client has one slot of a queued route, and 256 KiB for bodies. Nothing is read ahead there, so bodies wait in their streams.
POLICY = """
listener: {max_connections: 128}
budgets: {share: 1/8, body_memory: 2MiB, http2_frames: 100}
upstreams: {app: {targets: ["$app"]}}
defaults:
  rate_limits: []
  body_rate: off
  concurrency: {limit: 8, queue: 128, queue_timeout: 30s, read_ahead: 0B}
routes:
  - {path: /app/**, upstream: app}
  - {path: /app/few/**, upstream: app, rate_limits: [{name: few, quota: 5, window: 60s, shared: false}]}
"""


@pytest.fixture
def app(bench):
    return bench.upstream()


@pytest.fixture
def gateway(bench, app):
    gateway = bench.gateway(POLICY, app=app, env={"SOUK_GATEWAY_THREADS": "1"})
    yield gateway
    assert gateway.is_running, gateway.tail()


def refused(gateway, kind: str) -> float:
    return gateway.series("gateway_budget_refusals_total", kind=kind)


def in_flight(gateway) -> float:
    return gateway.series("gateway_requests_in_flight", route="/app/**")


def held(gateway, app, client: H2Client) -> tuple[Gate, int]:
    """A request that keeps its client's only slot."""
    gate, path = Gate(), fresh()
    app.on(path)(lambda exchange: (gate.wait(), exchange.reply(200, "done")))
    number = client.start("GET", path)
    wait_until("the request", lambda: gate.waiting == 1)
    return gate, number


def test_bodies_that_wait_in_streams_count_as_memory(gateway, app):
    attacker = stranger()
    for ending in ("connection", "reset", "served"):
        before = refused(gateway, "body_memory")
        with H2Client(gateway, source=attacker) as client:
            gate, holder = held(gateway, app, client)
            numbers = []
            for _ in range(6):
                numbers.append(client.start("POST", fresh(), [("content-length", "61441")], ends=False))
                client.upload(numbers[-1], b"x" * 61_440, ends=False)
            # Four times 60 KiB are nearly 256 KiB.
            for number in numbers[4:]:
                assert client.finish(number).status == 503
            assert [client.streams[number].is_over for number in numbers[:4]] == [False] * 4
            assert refused(gateway, "body_memory") == before + 2
            if ending == "reset":
                for number in numbers[:4]:
                    client.h2.reset_stream(number)
                client.flush()
                wait_until("the streams to end", lambda: in_flight(gateway) == 1)
            gate.open()
            if ending != "connection":
                assert client.finish(holder).status == 200
            if ending == "served":
                for number in numbers[:4]:
                    client.upload(number, b"y")
                    assert client.finish(number).json["length"] == 61_441
        wait_until("the requests to end", lambda: in_flight(gateway) == 0)


def test_a_stream_takes_little_that_nobody_reads(gateway, app):
    with H2Client(gateway, source=stranger()) as client:
        gate, _ = held(gateway, app, client)
        number, sent = client.start("POST", fresh(), ends=False), 0
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            if part := min(client.h2.local_flow_control_window(number), 16_384):
                client.h2.send_data(number, b"x" * part)
                client.flush()
                sent += part
            client.read(0.05)
        assert 64 << 10 <= sent + 1 <= 192 << 10
        gate.open()


def bad() -> bytes:
    return hpack.Encoder().encode(
        [(":method", "GET"), (":scheme", "http"), (":authority", "a@shop.example"), (":path", fresh())], huffman=False)


def limited() -> bytes:
    return request_block(fresh("/app/few/"))


@pytest.mark.parametrize("make", [bad, limited])
def test_requests_that_are_refused_cost_frames(gateway, app, make):
    source, block = stranger(), make()

    def flood():
        # Room for all responses.
        yield frame(WINDOW_UPDATE, 0, 0, b"\x3f\xff\xff\xff")
        for number in range(1, 20_000, 2):
            yield frame(HEADERS, END_HEADERS | END_STREAM, number, block)

    with H2Client(gateway, source=source) as client:
        assert flooded(client, flood(), patience=5)
    assert refused(gateway, "http2_frames") >= 1
    # Others, and the same client's HTTP/1.1, are served as before.
    with H2Client(gateway, source=stranger()) as other:
        assert other.ask("GET", fresh()).status == 200
    assert ask(gateway, "GET", fresh(), source=source).status == 200


def test_a_few_refusals_end_nothing(gateway, app):
    with H2Client(gateway, source=stranger()) as client:
        path = fresh("/app/few/")
        assert [client.ask("GET", path).status for _ in range(12)] == [200] * 5 + [429] * 7
        assert client.ask("GET", fresh()).status == 200
