"""Parts that are away: what doesn't need them goes on, what does says so or waits, and all of it recovers by itself."""

import json
import os
import pathlib
import re
import secrets
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cluster.cluster import each
from cluster.description import behind_the_gateway, names
from cluster.part import listens
from shop import ADDRESS, Market
from souk_client import Client, wait_until
from wire import ask, ask_operations, parse, send_bytes

pytestmark = pytest.mark.setups("rabbitmq", "kafka", reason="one process has no parts that could be away")
PROCESSES, SERVICES = names(), behind_the_gateway()
# How long an answer may take when what it needs is away, and how long a part may take to be itself again.
ANSWER_SECONDS, RECOVERY_SECONDS = 10, 30


class Scene:
    """A market in which something of everything exists, and people whom every service has seen."""

    def __init__(self, server):
        self.server = server
        self.market = Market(server, patience=30)
        self.shop, self.ada = self.market.shop(), self.market.shopper()
        self.thing = self.shop.sell(price=700, stock=1000)
        order = self.market.buy(self.ada, [(self.thing, 1)])
        self.market.settle()
        store = self.shop.store["id"]
        # One reading request per service, and who sends it.
        self.views = {
            "auth": ("/api/v1/users/me", self.ada), "product": (f"/api/v1/products/{self.thing['product_id']}", None),
            "vendor": (f"/api/v1/stores/{store}", None), "order": ("/api/v1/orders", self.ada),
            "payment": (f"/api/v1/payments/{order['payment']['id']}", self.ada), "notification": ("/api/v1/notifications", self.ada)}
        self.statuses()

    def view(self, name: str):
        """What a service answers, once, without patience."""
        path, client = self.views[name]
        headers = {"Authorization": f"Bearer {client.token}"} if client else {}
        return ask(self.server, "GET", path, headers=headers, timeout=ANSWER_SECONDS)

    def statuses(self) -> dict[str, int]:
        return {name: self.view(name).status for name in SERVICES}

    def all_answer(self) -> None:
        wait_until("every service to answer", lambda: set(self.statuses().values()) == {200}, RECOVERY_SECONDS)

    def fill_cart(self, client: Client | None = None) -> None:
        body = {"items": [{"variant_id": self.thing["id"], "quantity": 1}]}
        (client or self.ada).put("/api/v1/cart/items", body)

    def checkout(self, key: str, client: Client | None = None):
        """One attempt, without patience."""
        token = {"Authorization": f"Bearer {(client or self.ada).token}", "Idempotency-Key": key}
        return ask(self.server, "POST", "/api/v1/checkout", {"shipping_address": ADDRESS}, token, timeout=ANSWER_SECONDS)

    def refused_for_now(self, reply) -> None:
        """503 with the time to wait, as a problem that names nothing of the inside."""
        assert reply.status == 503, f"{reply.status}: {reply.raw[:300]}"
        assert 1 <= int(reply.headers["retry-after"]) <= 60
        assert reply.headers["content-type"] == "application/problem+json"
        assert not re.search(r"127\.0\.0\.1|postgres|redis|amqp|kafka|grpc|swift", reply.raw.decode(), re.I), reply.raw

    def books_agree(self) -> None:
        self.market.settle()
        self.market.assert_books_balance()


@pytest.fixture(scope="module")
def scene(private):
    with private("failures", own_servers=True) as server:
        yield Scene(server)


@pytest.fixture(autouse=True)
def same_processes(request):
    """Nothing but what a test itself stops may end or need a restart."""
    if "scene" not in request.fixturenames:
        yield
        return
    server = request.getfixturevalue("scene").server
    before = server.pids()
    stopped = {request.node.callspec.params["name"]} if "stops" in request.keywords else set()
    yield
    for name in stopped:  # where a test has failed before it did so itself
        if not server.is_part_running(name):
            server.start_part(name)
    for part in server.cluster.servers.values():
        part.start()
        part.await_ready()
    after = server.pids()
    assert {n: after[n] for n in PROCESSES if n not in stopped} == {n: before[n] for n in PROCESSES if n not in stopped}
    assert all(after.values())


# -- Services

# What a checkout needs an answer from, beside the order service itself.
NEEDED_BY_CHECKOUT = {"product", "vendor", "payment", "order"}


@pytest.mark.stops
@pytest.mark.parametrize("name", SERVICES)
def test_one_service_is_away(scene, name):
    market, ada = scene.market, scene.ada
    unpaid = market.checkout(ada, [(scene.thing, 1)])
    scene.fill_cart()
    part = scene.server.part(name)
    assert part.stop() == 0, "SIGTERM drains and ends with 0"

    seen = {other: scene.view(other) for other in SERVICES}
    scene.refused_for_now(seen[name])
    assert {other: reply.status for other, reply in seen.items() if other != name} == {
        other: 200 for other in SERVICES if other != name}
    gateway = ask_operations(scene.server, "/livez")
    assert gateway.status == 200

    key = secrets.token_hex(8)
    bought = scene.checkout(key)
    if name in NEEDED_BY_CHECKOUT:
        scene.refused_for_now(bought)
    else:
        assert bought.status == 201, bought.raw
    # Paying needs the payment process alone; what follows from it waits for whoever is away.
    if name != "payment":
        market.pay(ada, unpaid, until=None)

    began = time.monotonic()
    scene.server.start_part(name)
    scene.all_answer()
    print(f"\n{name} away: all answer {time.monotonic() - began:.1f} s after its start")
    if name == "payment":
        market.pay(ada, unpaid, until=None)
    market.reaches(ada, unpaid, "paid")
    scene.shop.part(unpaid)
    again = ada.post("/api/v1/checkout", {"shipping_address": ADDRESS}, key=key).data
    order = market.pay(ada, again)
    told = {"order.paid"}

    def notified() -> bool:
        return told <= {n["kind"] for n in ada.pages("/api/v1/notifications") if n["subject"].get("order_id") == order["id"]}

    wait_until("the customer to be told", notified, 30)
    scene.books_agree()


@pytest.mark.stops
@pytest.mark.parametrize("name", ["gateway"])
def test_the_gateway_is_away(scene, name):
    market, ada = scene.market, scene.ada
    order = market.checkout(ada, [(scene.thing, 1)])
    assert scene.server.part(name).stop() == 0
    # Its own door is shut; services don't need it for each other.
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", scene.server.port), timeout=1)
    scene.server.start_part(name)
    scene.all_answer()
    market.pay(ada, order)
    scene.books_agree()


class SlowRequest:
    """One whose body is on its way when it has been taken: the rest of it is sent by `finish`."""

    def __init__(self, port: int, method: str, path: str, token: str, body: dict):
        self.body = json.dumps(body).encode()
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.connection.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: souk.example\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n\r\n".encode() + self.body[:10])

    def finish(self):
        with self.connection:
            self.connection.sendall(self.body[10:])
            return whole(b"".join(iter(lambda: self.connection.recv(65_536), b"")))


def whole(answer: bytes):
    """The answer, of which nothing is missing."""
    reply = parse(answer)
    assert len(reply.raw) == int(reply.headers["content-length"]), f"cut: {answer[-200:]!r}"
    return reply


@pytest.mark.stops
@pytest.mark.parametrize("name", ["order", "gateway"])
def test_what_runs_is_answered_before_the_end(scene, name):
    """Requests that a service has taken when SIGTERM comes are answered in full; later ones are refused, none is cut."""
    stop, outcomes = threading.Event(), []
    request = f"GET /api/v1/orders HTTP/1.1\r\nHost: souk.example\r\nAuthorization: Bearer {scene.ada.token}\r\nConnection: close\r\n\r\n"

    def shop_on() -> None:
        while not stop.is_set():
            try:
                answer = send_bytes(scene.server, request.encode())
                # Whose connection the system took while the door was closing hears nothing: no request was taken.
                outcomes.append(whole(answer).status if answer else "not taken")
            except ConnectionRefusedError:
                outcomes.append("refused")
                time.sleep(0.05)
            except (AssertionError, LookupError, OSError) as error:
                outcomes.append(repr(error))

    threads = [threading.Thread(target=shop_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    part = scene.server.part(name)
    try:
        wait_until("requests to be under way", lambda: outcomes.count(200) > 10, 30)
        slow = SlowRequest(part.port, "PUT", "/api/v1/cart/items", scene.ada.token, {
            "items": [{"variant_id": scene.thing["id"], "quantity": 1}]})
        taken = len(outcomes)
        wait_until("it to be taken like those that came later", lambda: len(outcomes) > taken + 10, 30)
        with ThreadPoolExecutor(1) as ending:
            status = ending.submit(part.stop)
            wait_until("the door to be shut", lambda: not listens(part.port), 30)
            shut = len(outcomes)
            wait_until("later requests to be refused", lambda: len(outcomes) > shut + 10, 30)
            assert part.is_running, "it waits for what it has taken"
            assert slow.finish().status == 200
            finished = time.monotonic()
            assert status.result() == 0
            print(f"\n{name} ended {time.monotonic() - finished:.1f} s after the last answer")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    scene.server.start_part(name)
    scene.all_answer()
    assert set(outcomes) <= {200, 503, "refused", "not taken"}, set(outcomes)
    # Each thread has one connection at a time.
    assert outcomes.count("not taken") <= len(threads)


def test_all_stop_at_once(fresh):
    """As when the machine goes down: whose peers and consumers end in the same moment ends well, and waits for nobody."""
    server = fresh().start()
    market = Market(server)
    market.buy(market.shopper(), [(market.shop().sell(), 1)])
    began = time.monotonic()
    statuses = dict(each(server.cluster.services.values(), lambda part: (part.name, part.stop())))
    seconds = time.monotonic() - began
    print(f"\nall have stopped after {seconds:.1f} s")
    assert statuses == dict.fromkeys(PROCESSES, 0)
    assert seconds < 10


# -- Servers


def test_postgresql_is_killed_and_comes_back(scene):
    market, ada = scene.market, scene.ada
    unpaid = market.checkout(ada, [(scene.thing, 1)])
    scene.fill_cart()
    postgres = scene.server.cluster.postgres
    postgres.kill()
    key = secrets.token_hex(8)
    for reply in (scene.view("order"), scene.view("payment"), scene.checkout(key)):
        scene.refused_for_now(reply)
    for name in SERVICES:
        part = scene.server.part(name)
        assert part.is_alive, f"{name} must not die of it"
        wait_until(f"{name} to say so", lambda part=part: (part.probe() or "").startswith("waits for"), 15)
    began = time.monotonic()
    postgres.start()
    postgres.await_ready()
    back = time.monotonic()
    scene.all_answer()
    wait_until("readiness", lambda: not any(scene.server.part(n).probe() for n in PROCESSES), RECOVERY_SECONDS)
    print(f"\nPostgreSQL back after {back - began:.1f} s, all ready {time.monotonic() - back:.1f} s later")
    order = ada.post("/api/v1/checkout", {"shipping_address": ADDRESS}, key=key).data
    market.pay(ada, unpaid)
    market.pay(ada, order)
    scene.books_agree()


def test_the_broker_is_away_and_the_backlog_drains(scene):
    market, ada = scene.market, scene.ada
    # Killing the stand-in for Kafka would lose its messages, which killing Kafka doesn't.
    kafka, rabbitmq = scene.server.cluster.kafka, scene.server.cluster.rabbitmq
    if kafka and not scene.server.has_own_kafka:
        pytest.skip("a Kafka that others may use can't be taken away")
    kafka.pause() if kafka else rabbitmq.kill()
    # Shopping goes on: what others must hear of waits in the outboxes.
    orders = []
    for _ in range(5):
        order = market.checkout(ada, [(scene.thing, 1)])
        market.pay(ada, order, until=None)
        orders.append(order)
    wait_until("payments to be captured", lambda: all(
        market.admin.get(f"/api/v1/admin/payments/{o['payment']['id']}").data["state"] == "captured" for o in orders), 30)
    waiting = int(scene.server.query("payment", "SELECT count(*) FROM outbox")[0][0])
    assert waiting >= 5
    assert set(scene.statuses().values()) == {200}
    if kafka:
        kafka.resume()
    else:
        rabbitmq.start()
        rabbitmq.await_ready()
    began = time.monotonic()
    for order in orders:
        # A Kafka that was away for longer than a session lasts first finds its groups' members again.
        market.reaches(ada, order, "paid", 60)
    scene.books_agree()
    print(f"\nbroker back: {waiting} waiting events handled {time.monotonic() - began:.1f} s later")
    for order in orders:
        kinds = [n["kind"] for n in ada.pages("/api/v1/notifications") if n["subject"].get("order_id") == order["id"]]
        assert kinds.count("order.paid") == 1


def restart_empty(redis) -> None:
    redis.kill()
    redis.forget_everything()
    redis.start()
    redis.await_ready()


@pytest.mark.parametrize("loss", ["killed", "flushed", "restarted empty"])
def test_losing_redis_loses_nothing_that_counts(scene, loss):
    market, ada, redis = scene.market, scene.ada, scene.server.cluster.redis
    outcast = deactivated(market)
    order = market.checkout(ada, [(scene.thing, 1)])
    {"killed": redis.kill, "flushed": lambda: redis.call("FLUSHALL"), "restarted empty": lambda: restart_empty(redis)}[loss]()
    try:
        assert set(scene.statuses().values()) == {200}, "known customers go on"
        market.pay(ada, order)
        newcomer = market.shopper()
        market.buy(newcomer, [(scene.thing, 1)])
        for path in ("/api/v1/orders", "/api/v1/notifications", "/api/v1/users/me"):
            wait_until(f"{path} to refuse the outcast", lambda path=path: ask(
                scene.server, "GET", path, headers={"Authorization": f"Bearer {outcast.token}"}).status in (401, 403),
                DEACTIVATION_SECONDS)
    finally:
        redis.start()
        redis.await_ready()
    scene.all_answer()
    scene.books_agree()


# -- Who may still come in


def deactivated(market: Market) -> Client:
    """A customer who was deactivated, with a token that has not run out."""
    user = market.shopper()
    me = user.get("/api/v1/users/me").data
    market.admin.patch(f"/api/v1/admin/users/{me['id']}", {"active": False})
    return user


# One request with a token to every service that knows users.
KNOWING = {
    "auth": "/api/v1/users/me", "order": "/api/v1/orders", "notification": "/api/v1/notifications",
    "vendor": "/api/v1/vendors/me", "product": "/api/v1/vendor/products", "payment": "/api/v1/ledger/balance"}
# docs/operations.md promises this.
DEACTIVATION_SECONDS = 5.0


def test_a_deactivated_user_is_refused_everywhere_soon(scene):
    market = scene.market
    slowest = {}
    for _ in range(3):
        vendor = market.shop().client  # has the role to be answered by every service
        token = {"Authorization": f"Bearer {vendor.token}"}
        for path in KNOWING.values():
            assert ask(scene.server, "GET", path, headers=token).status == 200, path
        me = vendor.get("/api/v1/users/me").data
        market.admin.patch(f"/api/v1/admin/users/{me['id']}", {"active": False})
        done = time.monotonic()
        left = dict(KNOWING)
        while left and time.monotonic() - done < 60:
            for name, path in list(left.items()):
                if ask(scene.server, "GET", path, headers=token).status in (401, 403):
                    slowest[name] = max(slowest.get(name, 0), time.monotonic() - done)
                    del left[name]
        assert not left, f"still let in after a minute: {left}"
    print("\nrefused after " + ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in slowest.items()))
    assert max(slowest.values()) < DEACTIVATION_SECONDS, slowest


@pytest.mark.stops
@pytest.mark.parametrize("name", ["auth"])
def test_with_auth_away_the_known_go_on_and_the_deactivated_do_not(scene, name):
    market, ada = scene.market, scene.ada
    outcast = deactivated(market)
    stranger = market.register(f"stranger-{secrets.token_hex(4)}")
    scene.statuses()
    assert scene.server.part("auth").stop() == 0
    # Longer than memory remembers: what lets them in is the shared cache.
    until = time.monotonic() + DEACTIVATION_SECONDS + 2
    while time.monotonic() < until:
        key = secrets.token_hex(8)
        scene.fill_cart()
        bought = scene.checkout(key)
        assert bought.status == 201, bought.raw
        refused = ask(scene.server, "GET", "/api/v1/orders", headers={"Authorization": f"Bearer {outcast.token}"})
        assert refused.status in (401, 403, 503), refused.status
        time.sleep(0.5)
    market.pay(ada, bought.data)
    # What an administrator may do is never taken from memory.
    admin = {"Authorization": f"Bearer {market.admin.token}"}
    for path in ("admin/orders", "admin/vendors", f"admin/payments/{bought.data['payment']['id']}", "admin/events"):
        scene.refused_for_now(ask(scene.server, "GET", f"/api/v1/{path}", headers=admin, timeout=ANSWER_SECONDS))
    # Somebody of whom nothing is known is not let in on trust.
    unknown = ask(scene.server, "GET", "/api/v1/orders", headers={"Authorization": f"Bearer {stranger.token}"})
    assert unknown.status in (200, 503)
    # With the shared cache gone as well nobody can say who may come in: nobody does.
    scene.server.cluster.redis.kill()
    scene.server.cluster.redis.forget_everything()
    wait_until("memory to run out", lambda: scene.view("order").status == 503, 30)
    scene.refused_for_now(scene.view("order"))
    assert ask(scene.server, "GET", "/api/v1/orders", headers={"Authorization": f"Bearer {outcast.token}"}).status != 200
    scene.server.cluster.redis.start()
    scene.server.cluster.redis.await_ready()
    scene.server.start_part("auth")
    scene.all_answer()
    scene.books_agree()


# -- Starting


def test_everything_away_at_start(fresh):
    server = fresh(own_servers=True)
    cluster = server.cluster
    if cluster.external_kafka:
        pytest.skip("a Kafka that others may use can't be taken away")
    if cluster.kafka:  # which has no address before it has started
        cluster.kafka.start()
        cluster.kafka.await_ready()
        cluster.kafka.pause()
    for name in PROCESSES:
        server.part(name).start()
    for name in PROCESSES:
        part = server.part(name)
        wait_until(f"{name} to answer", lambda part=part: part.is_alive, 30)
    for name in SERVICES:
        part = server.part(name)
        wait_until(f"{name} to say so", lambda part=part: (part.probe() or "").startswith("waits for"), 15)
    waiting = {name: server.part(name).probe() for name in PROCESSES}
    print("\n" + "\n".join(f"{name} {what}" for name, what in waiting.items()))
    for path in ("/api/v1/products", "/api/v1/orders", "/api/v1/users/me"):
        reply = ask(server, "GET", path)
        assert reply.status == 503 and int(reply.headers["retry-after"]) >= 1, (path, reply.status)
    before = server.pids()
    cluster.name_tenants()
    for part in cluster.servers.values():
        part.start()
    if cluster.kafka:
        cluster.kafka.resume()
    for part in cluster.servers.values():
        part.await_ready()
    began = time.monotonic()
    for name in PROCESSES:
        server.part(name).await_ready(RECOVERY_SECONDS)
    print(f"servers there: all ready {time.monotonic() - began:.1f} s later")
    assert server.pids() == before
    market = Market(server)
    market.buy(market.shopper(), [(market.shop().sell(), 1)])
    market.settle()
    market.assert_books_balance()


BAD = [
    ("SOUK_PORT", "abc"), ("SOUK_LOG_LEVEL", "loud"), ("SOUK_SERVICE_KEY_FILE", "/nowhere/key.pem"),
    ("SOUK_REDIS_URL", "http://127.0.0.1"), ("SOUK_REDIS_PASSWORD_FILE", "/nowhere/password"),
]
BAD_SERVICE = [
    ("SOUK_GRPC_PORT", "-1"), ("SOUK_BROKER", "pigeons"), ("SOUK_ORDER_DATABASE_URL", "mysql://127.0.0.1/x"),
    ("SOUK_ORDER_DATABASE_PASSWORD_FILE", "/nowhere/password"), ("SOUK_VENDOR_GRPC_ADDRESS", "not an address"),
    ("SOUK_SERVICE_KEYS_DIR", "/nowhere"), ("SOUK_TRUSTED_PROXIES", ""),
]


FREE_PORTS = {"SOUK_PORT": "0", "SOUK_GRPC_PORT": "0", "SOUK_OPS_PORT": "0"}


@pytest.mark.parametrize("service, name, value", [
    *[("gateway", *bad) for bad in [*BAD, ("SOUK_ORDER_HTTP_ADDRESS", "not an address"), ("SOUK_GATEWAY_RATE_LIMIT", "0")]],
    *[("order", *bad) for bad in BAD + BAD_SERVICE]])
def test_a_wrong_value_is_named(scene, service, name, value):
    part = scene.server.part(service)
    result = subprocess.run(
        part.command(), env={"PATH": os.environ["PATH"]} | part.environment() | FREE_PORTS | {name: value},
        capture_output=True, text=True, timeout=30, cwd=scene.server.data)
    assert result.returncode == 2, (result.returncode, result.stderr[-1000:])
    said = [line for line in result.stderr.splitlines() if not line.startswith("{")]
    assert len(said) == 1 and name.removesuffix("_FILE") in said[0], result.stderr


@pytest.mark.parametrize("service", PROCESSES)
def test_help_and_unknown_options(scene, service):
    program = scene.server.part(service).program

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([program, *arguments], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=30)

    shown = run("--help")
    assert shown.returncode == 0 and "serve" in shown.stdout
    wrong = run("serve", "--prot", "1")
    assert wrong.returncode == 2 and wrong.stderr


# -- Secrets: last, so that everything above has been logged


def test_no_secret_is_in_any_log_or_command_line(scene):
    data, market, ada = scene.server.data, scene.market, scene.ada
    grant = market.anonymous.post("/api/v1/auth/login", {"email": ada.email, "password": ada.password}).data
    order = market.checkout(ada, [(scene.thing, 1)])
    secret = {str(file.relative_to(data)): file.read_text().strip() for file in data.glob("secrets/*") if file.suffix == ""}
    secret |= {"admin": scene.server.admin_password, "webhooks": (data / "webhook-secret").read_text().strip()}
    for key in [*data.glob("identity/*.pem"), *data.glob("token-keys/*")]:
        body = [line for line in key.read_text().splitlines() if not line.startswith("-----")]
        if body:
            secret[str(key.relative_to(data))] = body[0]
        assert key.stat().st_mode & 0o077 == 0, f"{key} can be read by others"
    secret |= {
        "access token": ada.token, "another": grant["access_token"], "refresh token": grant["refresh_token"],
        "ada's password": ada.password, "admin's token": market.admin.token,
        "pay token": order["payment"]["pay_url"].rsplit("/", 1)[1]}
    assert len(secret) > 20 and all(len(text) >= 16 for text in secret.values())
    logs = {name: part.log.read_text(errors="replace") for name, part in scene.server.cluster.parts.items()}
    assert all(logs[name] for name in PROCESSES)
    for name, text in secret.items():
        for part, log in logs.items():
            assert text not in log and text.split(".")[-1] not in log, f"{name} is in the log of {part}"
    for part in scene.server.cluster.parts.values():
        words = pathlib.Path(f"/proc/{part.process.pid}/cmdline").read_text()
        assert not [name for name, text in secret.items() if text in words], f"on the command line of {part.name}"
    for file in data.glob("secrets/**/*"):
        assert file.stat().st_mode & 0o077 == 0, f"{file} can be read by others"
    for name in PROCESSES:
        for line in logs[name].splitlines():
            assert {"time", "level", "service", "message"} <= json.loads(line).keys(), f"{name}: {line}"
