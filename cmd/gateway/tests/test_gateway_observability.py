"""What operators see: metrics by route and service, and an access log that gives no secret away."""

import re
import secrets

import pytest
from gateway_process import wait_until
from h1client import Client, ask, fresh
from h2client import H2Client
from recorder import Gate

POLICY = """
access_log: $log
upstreams: {app: {targets: ["$app"]}, nobody: {targets: ["127.0.0.1:1"]}}
defaults: {rate_limits: [], retries: {attempts: 0}}
routes:
  - {path: /app/**, upstream: app}
  - {path: "/pay/{token}/x", upstream: app}
  - {path: /nobody/**, upstream: nobody}
  - {path: /quick/**, upstream: app, timeouts: {first_byte: 200ms}}
"""
KEYS = {
    "time", "level", "service", "logger", "message", "method", "route", "path", "status", "duration_ms", "bytes", "client", "request_id",
    "trace_id"}


@pytest.fixture(scope="module")
def app(shared_bench):
    return shared_bench.upstream()


@pytest.fixture(scope="module")
def watched(shared_bench, app):
    return shared_bench.gateway(POLICY, app=app, log="true")


def test_requests_are_counted_by_route_and_status(watched, app):
    path = fresh()
    app.on(path)(lambda exchange: exchange.reply(404 if "missing" in exchange.request.target else 200, "x"))
    before = watched.metrics()

    def more(name: str, **labels: str) -> float:
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            value - before.get(series, 0) for series, value in watched.metrics().items()
            if series.split("{")[0] == name and all(part in series for part in wanted))

    for _ in range(3):
        ask(watched, "GET", path)
    ask(watched, "GET", f"{path}?missing")
    ask(watched, "GET", "/nobody/x")
    with H2Client(watched) as client:
        client.ask("GET", path)
    assert more("gateway_requests_total", route="/app/**", status="200") == 4
    assert more("gateway_requests_total", route="/app/**", status="404") == 1
    assert more("gateway_requests_total", route="/nobody/**", status="503") == 1
    assert more("gateway_request_duration_seconds_count", route="/app/**") == 5
    assert 0 < more("gateway_request_duration_seconds_sum", route="/app/**") < 10
    assert more("gateway_upstream_requests_total", upstream="app", outcome="answered") == 5
    assert more("gateway_upstream_requests_total", upstream="nobody", outcome="failed") == 1
    slow = fresh("/quick/")
    app.on(slow)(lambda exchange: exchange.wait_for_close())
    assert ask(watched, "GET", slow).status == 504
    assert more("gateway_upstream_requests_total", upstream="app", outcome="timed_out") == 1
    # Each path is no series of its own.
    assert path not in "\n".join(watched.metrics())


def test_what_runs_is_counted_while_it_runs(watched, app):
    path, gate = fresh(), Gate()
    app.on(path)(lambda exchange: (gate.wait(), exchange.reply(200, "x")))
    with Client(watched) as client:
        client.request("GET", path)
        app.await_request(path)
        assert watched.series("gateway_requests_in_flight", route="/app/**") == 1
        gate.open()
        assert client.reply().status == 200
    assert watched.series("gateway_requests_in_flight", route="/app/**") == 0


def test_the_text_is_prometheus(watched):
    reply = ask(watched, "GET", "/metrics")
    assert reply.get("content-type").startswith("text/plain; version=0.0.4")
    sample = re.compile(r'[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="([^"\\]|\\.)*",?)*\})? [-+.\deInfNa]+')
    lines = reply.body.decode().splitlines()
    assert [line for line in lines if not line.startswith("#") and not sample.fullmatch(line)] == []
    kinds = dict(line.split()[2:] for line in lines if line.startswith("# TYPE gateway_"))
    assert kinds["gateway_requests_total"] == "counter" and kinds["gateway_requests_in_flight"] == "gauge"
    assert kinds["gateway_request_duration_seconds"] in ("histogram", "summary")


def test_every_request_has_a_line(watched, app):
    path = fresh()
    reply = ask(watched, "POST", f"{path}?token=CANARY", {"X-Request-Id": "one-of-mine"}, b"body")
    (line,) = wait_until("the line", lambda: watched.requests(path=path))
    assert line.keys() >= KEYS
    assert (line["method"], line["route"], line["status"], line["client"]) == ("POST", "/app/**", "200", "127.0.0.1")
    assert line["request_id"] == reply.get("x-request-id") == "one-of-mine"
    assert line["trace_id"] == app.only(path).get("traceparent").split("-")[1]
    assert line["bytes"] == str(len(reply.body)) and line["upstream"] == str(app)
    assert float(line["duration_ms"]) >= 0 and line["level"] == "info" and line["service"] == "gateway"


def test_no_line_holds_a_secret(watched, app):
    token = f"CANARY{secrets.token_hex(8)}"
    fields = {"Authorization": f"Bearer {token}", "Cookie": f"a={token}", "X-Api-Key": token, "User-Agent": f"\x1b[31m{token}", "Cart-Token": token}
    ask(watched, "POST", f"/app/x?access_token={token}", fields, token.encode())
    ask(watched, "GET", f"/nobody/x?access_token={token}", fields)
    ask(watched, "GET", f"/pay/{token}/x")
    for bad in (f"GET /app/{token} HTTP/9.9\r\n\r\n", f"{token}\r\n\r\n", f"GET /app/x?{token} HTTP/1.1\r\nHost: a\r\nA b: {token}\r\n\r\n"):
        with Client(watched) as client:
            client.send(bad)
            client.rest()
    wait_until("the secret's line", lambda: watched.requests(path="/pay/{token}/x"))
    log = watched.log.read_text()
    assert token not in log and token not in "\n".join(watched.metrics())
    assert "\x1b" not in log


def test_lines_cannot_be_forged(watched, app):
    path = fresh() + '/%0d%0a%1b[31m"}{"message":"forged"}'
    ask(watched, "GET", path)
    (line,) = wait_until("the line", lambda: [line for line in watched.lines() if line.get("path") == path])
    assert line["message"] == "request"
    # Every line is one JSON object.
    text = watched.log.read_text()
    assert len(watched.lines()) == len([one for one in text.splitlines() if one])


def test_what_was_no_request_has_a_line_too(watched):
    with Client(watched) as client:
        client.send("GET /app/x HTTP/1.1\nHost: a\n\n")
        reply = client.reply()
    (line,) = wait_until("the line", lambda: [
        line for line in watched.lines() if line.get("request_id") == reply.get("x-request-id")])
    assert line["message"] == "no request"
    assert (line["status"], line["code"], line["client"]) == ("400", "request.invalid", "127.0.0.1")


def test_a_client_that_went_away_has_a_line(watched, app):
    path = fresh()
    app.on(path)(lambda exchange: exchange.wait_for_close())
    with Client(watched) as client:
        client.request("GET", path)
        app.await_request(path)
    (line,) = wait_until("the line", lambda: watched.requests(path=path))
    assert line["status"] == "499"


def test_the_access_log_can_be_switched_off(bench):
    app = bench.upstream()
    quiet = bench.gateway(POLICY, app=app, log="false")
    path = fresh()
    assert ask(quiet, "GET", path).status == 200
    with Client(quiet) as client:
        client.send("nonsense\r\n\r\n")
        client.rest()
    assert quiet.requests(path=path) == []
