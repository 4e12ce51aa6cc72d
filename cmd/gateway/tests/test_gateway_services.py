"""Several instances, some of them ill: who is asked, who is asked again, and who is left alone."""

import contextlib
import threading
import time

import pytest
from gateway_process import wait_until
from h1client import Client, ask, fresh, problem
from recorder import Exchange, Gate, Upstream

ONE_LOOP = {"SOUK_GATEWAY_THREADS": "1"}


# -- Retries

RETRYING = """
upstreams:
  app: {targets: ["$app"]}
  half: {targets: ["127.0.0.1:1", "$app"]}
defaults: {rate_limits: [], breaker: off}
routes:
  - {path: /app/**, upstream: app, retries: {attempts: 2, budget_percent: 100, budget_floor: 100}}
  - {path: /never/**, upstream: app, retries: {attempts: 0}}
  - {path: /thrifty/**, upstream: app, retries: {attempts: 1, budget_percent: 0, budget_floor: 1}}
  - {path: /half/**, upstream: half, retries: {attempts: 0}}
"""


@pytest.fixture(scope="module")
def app(shared_bench):
    return shared_bench.upstream()


@pytest.fixture(scope="module")
def retrying(shared_bench, app):
    return shared_bench.gateway(RETRYING, app=app, env=ONE_LOOP)


def failing(app: Upstream, path: str, times: int) -> list[int]:
    """The first so many requests get no answer."""
    tried = []

    @app.on(path)
    def script(exchange: Exchange) -> None:
        tried.append(1)
        exchange.read()
        if len(tried) <= times:
            exchange.close()
        else:
            exchange.reply(200, "at last")

    return tried


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_what_may_be_repeated_is(retrying, app, method):
    path = fresh()
    tried = failing(app, path, 2)
    with Client(retrying) as client:
        assert client.ask(method, path).status == 200
    assert len(tried) == 3
    # All of them have one id: it is one request.
    assert len({request.get("x-request-id") for request in app.seen(path)}) == 1


@pytest.mark.parametrize("method, body", [("POST", None), ("PATCH", None), ("BREW", None), ("POST", b"x"), ("PUT", b"x")])
def test_what_may_not_be_repeated_is_not(retrying, app, method, body):
    path = fresh()
    tried = failing(app, path, 2)
    problem(ask(retrying, method, path, body=body), 503, "upstream.unavailable")
    assert len(tried) == 1


def test_there_is_an_end_to_repeating(retrying, app):
    path, never = fresh(), fresh("/never/")
    tried, once = failing(app, path, 99), failing(app, never, 99)
    problem(ask(retrying, "GET", path), 503)
    problem(ask(retrying, "GET", never), 503)
    assert (len(tried), len(once)) == (3, 1)


def test_an_error_is_an_answer(retrying, app):
    for status in (500, 502, 503, 504, 404):
        path = fresh()
        app.on(path)(lambda exchange, status=status: exchange.reply(status, "no"))
        assert ask(retrying, "GET", path).body == b"no"
        assert len(app.seen(path)) == 1


def test_repetitions_have_a_budget(retrying, app):
    path = fresh("/thrifty/")
    tried = failing(app, path, 10_000)
    before = retrying.series("gateway_upstream_retries_total", upstream="app")
    with Client(retrying) as client:
        for _ in range(40):
            problem(client.ask("GET", path), 503)
    # One for each of the last ten seconds; the clock may have gone on by some.
    retries = retrying.series("gateway_upstream_retries_total", upstream="app") - before
    assert 10 <= retries <= 14
    # A connection that had waited may have been the first.
    assert 0 <= len(tried) - 40 - retries <= 1


def test_hints_are_no_reason_to_ask_for_ever(retrying, app):
    """A service that says 103 and then breaks off has failed, each time."""
    path = fresh()

    @app.on(path)
    def hints(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        exchange.close()

    with Client(retrying, timeout=5) as client:
        client.request("GET", path)
        deadline = time.monotonic() + 5
        while (reply := client.head()).status < 200:
            assert time.monotonic() < deadline and len(app.seen(path)) < 50, f"asked {len(app.seen(path))} times"
    assert reply.status in (502, 503) and len(app.seen(path)) <= 3


def test_a_connection_that_was_closed_while_it_waited_is_no_failure(retrying, app):
    """The service may close it just when it is used again: then the request goes to another, if that is safe."""
    first, second, posted = fresh(), fresh("/never/"), fresh("/never/")
    app.on(first)(lambda exchange: exchange.reply(200, "first"))
    again = failing(app, second, 1)
    with Client(retrying) as client:
        assert client.ask("GET", first).status == 200
        assert client.ask("GET", second).body == b"at last"
        assert len(again) == 2
        assert client.ask("GET", first).status == 200
        once = failing(app, posted, 1)
        problem(client.ask("POST", posted), 503)
        assert len(once) == 1


def test_an_instance_that_is_away_is_passed_over(retrying, app):
    """Nothing was sent to it, so that even what may not be repeated goes to the other."""
    path = fresh("/half/")
    for number in range(6):
        assert ask(retrying, "POST", path, body=b"x" * number).status == 200
    assert len(app.seen(path)) == 6


def test_instances_may_have_names(bench):
    app = bench.upstream()
    gateway = bench.gateway("""
upstreams: {app: {targets: ["localhost:$port"]}, lost: {targets: ["nobody.invalid:80"]}}
defaults: {rate_limits: []}
routes: [{path: /app/**, upstream: app}, {path: /lost/**, upstream: lost}]
""", port=app.port)
    assert ask(gateway, "GET", "/app/x").status == 200
    problem(ask(gateway, "GET", "/lost/x"), 503, "upstream.unavailable")


# -- Breaker

BREAKING = """
upstreams: {app: {targets: ["$app"]}}
defaults:
  rate_limits: []
  retries: {attempts: 0}
  breaker: {failures: 3, open_for: 600ms}
  timeouts: {first_byte: 200ms}
routes:
  - {path: "/app/{kind}/**", upstream: app}
  - {path: /other/**, upstream: app}
"""


@pytest.mark.parametrize("how", ["502", "503", "504", "closes", "silent"])
def test_a_breaker_opens_and_closes(bench, how):
    app = bench.upstream()
    gateway = bench.gateway(BREAKING, app=app, env=ONE_LOOP)
    is_well = [False]

    def ill(exchange: Exchange) -> None:
        exchange.read()
        if is_well[0] or exchange.request.path.startswith("/other"):
            exchange.reply(200, "well")
        elif how == "closes":
            exchange.close()
        elif how == "silent":
            exchange.wait_for_close()
        else:
            exchange.reply(int(how), "ill")

    app.script = ill
    expected = {"closes": 503, "silent": 504}.get(how) or int(how)
    with Client(gateway) as client:
        for _ in range(3):
            assert client.ask("GET", "/app/a/b").status == expected
        for _ in range(5):
            reply = problem(client.ask("GET", "/app/a/b"), 503, "upstream.unavailable")
            assert int(reply.get("retry-after")) >= 1
        assert len(app.seen("/app/a/b")) == 3
        assert gateway.series("gateway_upstream_breakers_open", upstream="app") == 1
        # Each route has a breaker of its own.
        assert client.ask("GET", "/other/x").body == b"well"
        # One may try, and fails: it stays open.
        wait_until("a try", lambda: client.ask("GET", "/app/a/b").status and len(app.seen("/app/a/b")) == 4, 3)
        problem(client.ask("GET", "/app/a/b"), 503, "upstream.unavailable")
        assert len(app.seen("/app/a/b")) == 4
        is_well[0] = True
        wait_until("the breaker to close", lambda: client.ask("GET", "/app/a/b").status == 200, 3)
        assert [client.ask("GET", "/app/a/b").status for _ in range(5)] == [200] * 5
    assert gateway.series("gateway_upstream_breakers_open", upstream="app") == 0


@pytest.mark.parametrize("status, fields", [(500, {}), (404, {}), (429, {}), (503, {"Retry-After": "1"})])
def test_a_service_that_knows_what_it_says_opens_no_breaker(bench, status, fields):
    app = bench.upstream(script=lambda exchange: exchange.reply(status, "no", fields))
    gateway = bench.gateway(BREAKING, app=app, env=ONE_LOOP)
    with Client(gateway) as client:
        assert [client.ask("GET", "/app/a/b").body for _ in range(10)] == [b"no"] * 10


def test_only_one_may_try(bench):
    gate = Gate()
    app = bench.upstream(script=lambda exchange: exchange.close())
    gateway = bench.gateway(BREAKING.replace("first_byte: 200ms", "first_byte: 10s"), app=app, env=ONE_LOOP)
    with Client(gateway) as client, Client(gateway) as trying:
        wait_until("the breaker to open", lambda: client.ask("GET", "/app/a/b").json["code"] and len(app.requests) == 3)
        app.script = lambda exchange: (gate.wait(), exchange.reply(200, "well"))
        time.sleep(0.65)
        trying.request("GET", "/app/a/b")
        wait_until("the try", lambda: gate.waiting == 1)
        assert [client.ask("GET", "/app/a/b").status for _ in range(3)] == [503] * 3
        gate.open()
        assert trying.reply().status == 200
        assert client.ask("GET", "/app/a/b").status == 200


# -- Balance and health

TWO = """
upstreams:
  app:
    targets: ["$one", "$two"]
    health_check: {path: /up, interval: 100ms, timeout: 100ms, unhealthy_after: 2, healthy_after: 2}
  same: {targets: ["$one", "$two"]}
defaults: {rate_limits: [], breaker: off, retries: {attempts: 0}}
routes:
  - {path: /app/**, upstream: app}
  - {path: /same/**, upstream: same}
"""


@pytest.fixture
def two(bench):
    upstreams = [bench.upstream(name=name) for name in ("one", "two")]
    for upstream in upstreams:
        upstream.health = 200
        upstream.on("/up")(lambda exchange, upstream=upstream: exchange.reply(upstream.health, "", {"Connection": "close"}))
    return *upstreams, bench.gateway(TWO, one=upstreams[0], two=upstreams[1], env=ONE_LOOP)


def askers(gateway, path: str, count: int = 10) -> list[str]:
    with Client(gateway) as client:
        return [client.ask("GET", path).json["by"] for _ in range(count)]


def test_instances_take_turns(two):
    _, _, gateway = two
    assert sorted(askers(gateway, "/same/x")) == ["one"] * 5 + ["two"] * 5


def test_the_one_with_the_fewest_requests_is_asked(two):
    one, two_, gateway = two
    gates = {one: Gate(), two_: Gate()}
    for upstream, gate in gates.items():
        upstream.on("/same/held")(lambda exchange, gate=gate: (gate.wait(), exchange.reply(200, "done")))

    def running(upstream) -> int:
        return len(upstream.seen("/same/held"))

    with contextlib.ExitStack() as stack:
        clients = []
        for number in range(6):
            client = stack.enter_context(Client(gateway))
            client.request("GET", "/same/held")
            clients.append(client)
            wait_until("it to be at a service", lambda: running(one) + running(two_) == number + 1)
        assert running(one) == running(two_) == 3
        # One of them is through with all of its requests: it gets the next ones, until both have as many.
        gates[one].open()
        wait_until("three answers", lambda: gateway.series("gateway_requests_in_flight", route="/same/**") == 3)
        assert askers(gateway, "/same/x", 6) == ["one"] * 6
        gates[two_].open()
        assert [client.reply().status for client in clients] == [200] * 6


def test_an_instance_that_is_ill_is_taken_out_and_comes_back(two):
    one, _, gateway = two
    assert set(askers(gateway, "/app/x")) == {"one", "two"}
    one.health = 503
    wait_until("it to be out", lambda: set(askers(gateway, "/app/x", 4)) == {"two"})
    assert set(askers(gateway, "/app/x", 20)) == {"two"}
    assert gateway.series("gateway_upstream_healthy_addresses", upstream="app") == 1
    assert set(askers(gateway, "/same/x")) == {"one", "two"}
    one.health = 204
    wait_until("it to be back", lambda: set(askers(gateway, "/app/x", 4)) == {"one", "two"})
    wait_until("it to be counted", lambda: gateway.series("gateway_upstream_healthy_addresses", upstream="app") == 2)


def test_one_failure_is_no_illness(two):
    one, _, gateway = two
    for _ in range(3):
        seen = len(one.seen("/up"))
        one.health = 503
        wait_until("one bad answer", lambda: len(one.seen("/up")) == seen + 1)
        one.health = 200
        wait_until("good ones", lambda: len(one.seen("/up")) >= seen + 3)
        assert set(askers(gateway, "/app/x", 4)) == {"one", "two"}


def test_where_all_are_ill_they_are_asked_all_the_same(two):
    one, other, gateway = two
    one.health = other.health = 503
    wait_until("both to be out", lambda: gateway.series("gateway_upstream_healthy_addresses", upstream="app") == 0)
    assert set(askers(gateway, "/app/x")) == {"one", "two"}


def test_an_instance_that_dies_is_not_missed(bench):
    one, other = bench.upstream(name="one"), bench.upstream(name="two")
    gateway = bench.gateway(TWO, one=one, two=other, env=ONE_LOOP)
    statuses, stop = [], threading.Event()

    def shop() -> None:
        with Client(gateway) as client:
            while not stop.is_set():
                statuses.append(client.ask("GET", "/same/x").status)

    threads = [threading.Thread(target=shop) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until("both to be asked", lambda: len(one.requests) > 20 and len(other.requests) > 20)
    one.close()
    count = len(statuses)
    wait_until("more answers", lambda: len(statuses) > count + 100)
    stop.set()
    for thread in threads:
        thread.join()
    # One answer each may have been on its way. The rest never noticed.
    assert statuses.count(200) >= len(statuses) - 3
