"""The policy file: errors with their places, and reloads that nobody notices."""

import contextlib
import re
import threading

import pytest
from gateway_process import wait_until
from h1client import Client, ask, fresh, problem
from h2client import H2Client
from recorder import Gate

ONE = """
upstreams:
  app: {targets: ["$app"]}
defaults: {rate_limits: []}
routes:
  - {path: /app/**, upstream: app}
  - {path: /old/**, upstream: app}
"""
OTHER = """
upstreams:
  app: {targets: ["$app"]}
  other: {targets: ["$other"]}
defaults: {rate_limits: []}
routes:
  - {path: /app/**, upstream: other}
  - {path: /new/**, upstream: other, max_body: 10B}
"""
WRONG = """listener:
  max_conections: 5
upstreams:
  app: {targets: ["nonsense"]}
routes:
  - path: /app/**
    upstream: apq
    retries: {attempts: 99}
  - {path: /app/**, upstream: app, timeouts: {first_byte: soon}}
"""
PROBLEMS = [
    (2, 3, "max_conections is unknown; did you mean 'max_connections'?"), (4, 19, "is not of the form host:port"), (7, 15, "is unknown"),
    (8, 25, "must be 0 to 10"), (9, 12, "stands for the same paths"), (9, 59, "must be a duration")]


def said(text: str, file) -> list[tuple[int, int, str]]:
    return [(int(line), int(column), what) for line, column, what in re.findall(rf"{re.escape(str(file))}:(\d+):(\d+): (.*)", text)]


def check(found: list[tuple[int, int, str]]) -> None:
    assert [place[:2] for place in found] == [place[:2] for place in PROBLEMS], found
    for (_, _, what), (_, _, expected) in zip(found, PROBLEMS, strict=True):
        assert expected in what


@pytest.fixture
def both(bench):
    return bench.upstream(name="app"), bench.upstream(name="other")


# -- At the start

def test_a_wrong_file_ends_the_start_with_all_that_is_wrong(bench):
    gateway = bench.gateway(WRONG, start=False)
    ended = gateway.run_to_end()
    assert ended.returncode == 2, ended
    check(said(ended.stderr, gateway.policy_file))


@pytest.mark.parametrize("text, what", [
    ("", "the file is empty"), ("routes: [", "is not YAML"), ("a: &a [*a]\n", "anchors"), ("listener: {}\n", "leads nowhere"),
    ("- a\n- b\n", "must be a mapping"), ("include: marketplace\ninclude: marketplace\n", "stands twice"),
    ("include: marketplace\n" + "# " + "x" * (1 << 20), "more than 1048576 bytes"),
])
def test_files_that_are_no_policy(bench, text, what):
    ended = bench.gateway(text, start=False).run_to_end()
    assert ended.returncode == 2 and what in ended.stderr, ended.stderr


def test_a_file_that_is_not_there(bench):
    gateway = bench.gateway(ONE, start=False, app="127.0.0.1:1")
    gateway.policy_file.unlink()
    ended = gateway.run_to_end()
    assert ended.returncode == 2 and str(gateway.policy_file) in ended.stderr


# -- On SIGHUP

def test_a_reload_changes_routes_and_drops_nothing(bench, both):
    app, other = both
    gateway = bench.gateway(ONE, app=app, other=other)
    gate = Gate()
    app.on("/app/held")(lambda exchange: (gate.wait(), exchange.reply(200, "from the old one")))
    with Client(gateway) as running, Client(gateway) as idle, H2Client(gateway) as streams:
        assert idle.ask("GET", "/app/x").json["by"] == "app"
        assert streams.ask("GET", "/old/x").json["by"] == "app"
        running.request("GET", "/app/held")
        held = streams.start("GET", "/app/held")
        wait_until("both at the service", lambda: gate.waiting == 2)
        gateway.write(OTHER)
        assert gateway.reload()["routes"]
        # New requests follow the new policy, on connections old and new.
        assert idle.ask("GET", "/app/x").json["by"] == "other"
        assert streams.ask("GET", "/new/x").json["by"] == "other"
        assert ask(gateway, "GET", "/new/x").json["by"] == "other"
        assert ask(gateway, "GET", "/old/x").status == 404
        problem(ask(gateway, "POST", "/new/x", body=b"x" * 11), 413)
        # Those that ran go on as they began.
        gate.open()
        assert running.reply().body == b"from the old one"
        assert streams.finish(held).body == b"from the old one"
        assert running.ask("GET", "/app/x").json["by"] == "other"
    assert gateway.is_running, gateway.tail()


def test_whoever_waits_for_a_place_gets_it_all_the_same(bench, both):
    app, other = both
    narrow = ONE.replace("rate_limits: []", "rate_limits: [], concurrency: {limit: 1, queue: 5, queue_timeout: 20s}")
    gateway = bench.gateway(narrow, app=app, other=other, env={"SOUK_GATEWAY_THREADS": "1"})
    gate = Gate()
    app.on("/app/held")(lambda exchange: (gate.wait(), exchange.reply(200, "done")))
    with Client(gateway) as running, Client(gateway) as waiting:
        running.request("GET", "/app/held")
        wait_until("it to be at the service", lambda: gate.waiting == 1)
        waiting.request("GET", "/app/held")
        wait_until("the other to wait", lambda: gateway.series("gateway_requests_in_flight", route="/app/**") == 2)
        gateway.write(narrow.replace("/old/**", "/new/**"))
        gateway.reload()
        gate.open()
        assert running.reply().body == b"done"
        assert waiting.reply().body == b"done"
    # And its places are whole.
    with Client(gateway) as client:
        assert [client.ask("GET", "/app/x").status for _ in range(5)] == [200] * 5
    assert gateway.series("gateway_requests_in_flight", route="/app/**") == 0


def test_a_wrong_file_changes_nothing(bench, both):
    app, other = both
    gateway = bench.gateway(ONE, app=app, other=other)
    gateway.write(WRONG)
    line = gateway.reload("the policy stays as it was")
    assert line["level"] == "error"
    check(said(line["error"], gateway.policy_file))
    assert ask(gateway, "GET", "/app/x").json["by"] == "app" and ask(gateway, "GET", "/old/x").json["by"] == "app"
    gateway.policy_file.unlink()
    assert str(gateway.policy_file) in gateway.reload("the policy stays as it was")["error"]
    assert ask(gateway, "GET", "/app/x").json["by"] == "app"
    gateway.write(OTHER)
    gateway.reload()
    assert ask(gateway, "GET", "/app/x").json["by"] == "other"


def test_reloads_under_load_lose_no_request(bench, both):
    app, other = both
    gateway = bench.gateway(ONE, app=app, other=other)
    stop, statuses = threading.Event(), []

    def shop() -> None:
        with Client(gateway) as client:
            while not stop.is_set():
                statuses.append(client.ask("GET", "/app/x").status)

    threads = [threading.Thread(target=shop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(6):
        gateway.write(OTHER if number % 2 == 0 else ONE)
        gateway.reload()
        count = len(statuses)
        wait_until("requests under it", lambda: len(statuses) > count + 50)
    stop.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200} and app.requests and other.requests
    assert gateway.is_running, gateway.tail()


def test_counts_survive_a_reload(bench, both):
    app, _ = both
    counted = ONE.replace("rate_limits: []", "rate_limits: [{name: few, quota: 2, window: 60s, shared: false}]")
    gateway = bench.gateway(counted, app=app, env={"SOUK_GATEWAY_RATE_LIMIT": "1000000"})
    assert [ask(gateway, "GET", "/app/x").status for _ in range(3)] == [200, 200, 429]
    gateway.write(counted.replace("/old/**", "/new/**"))
    gateway.reload()
    assert ask(gateway, "GET", "/new/x").status == 429
    gateway.write(counted.replace("quota: 2", "quota: 3"))
    gateway.reload()
    assert ask(gateway, "GET", "/app/x").status == 200


def test_a_breaker_that_is_open_over_a_reload_is_not_counted_for_ever(bench, both):
    app, _ = both
    breaking = ONE.replace("rate_limits: []", "rate_limits: [], retries: {attempts: 0}, breaker: {failures: 1, open_for: 10m}")
    app.script = lambda exchange: exchange.close()
    gateway = bench.gateway(breaking, app=app)
    ask(gateway, "GET", "/app/x")
    assert gateway.series("gateway_upstream_breakers_open", upstream="app") == 1
    gateway.write(breaking.replace("10m", "9m"))
    gateway.reload()
    wait_until("it to be closed", lambda: gateway.series("gateway_upstream_breakers_open", upstream="app") == 0, 3)


def test_without_a_file_it_is_the_marketplaces_gateway(bench):
    app = bench.upstream()
    gateway = bench.gateway("", start=False, env={"SOUK_PRODUCT_HTTP_ADDRESS": str(app), "SOUK_GATEWAY_POLICY_FILE": ""})
    environment = gateway.environment()
    gateway.environment = lambda: {name: value for name, value in environment.items() if name != "SOUK_GATEWAY_POLICY_FILE"}
    gateway.start()
    reply = ask(gateway, "GET", "/api/v1/products?q=1")
    assert reply.status == 200 and reply.json["target"] == "/api/v1/products?q=1" and reply.get("ratelimit-policy")
    assert ask(gateway, "GET", "/api/v1/ping").json["data"]["message"] == "pong"
    problem(ask(gateway, "GET", fresh("/nothing/")), 404)
    problem(ask(gateway, "GET", "/api/v1/orders"), 503, "upstream.unavailable")
    with contextlib.suppress(OSError):
        gateway.reload()
    assert ask(gateway, "GET", "/api/v1/products").status == 200
