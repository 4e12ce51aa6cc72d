"""What is too much, too large, too often or malformed is refused with the right status, and nothing leaks meanwhile."""

import json
import re
import secrets
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from cluster.ports import free
from cluster.service import Service
from shop import ADDRESS, Market, gbp
from souk_client import Client, wait_until
from wire import anonymised, ask, ask_operations, parse, problem, send_bytes

PING, LOGIN = "/api/v1/ping", "/api/v1/auth/login"


def forwarded(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


# -- How often

def test_the_gateway_counts_calls_per_client(fresh):
    server = fresh(SOUK_GATEWAY_RATE_LIMIT="10", SOUK_GATEWAY_RATE_WINDOW="600s", SOUK_RATE_LIMIT_EXEMPT="",
                   SOUK_GATEWAY_CORS_ORIGINS="https://shop.example").start()
    for left in reversed(range(10)):
        reply = ask(server, "GET", PING)
        assert reply.status == 200 and reply.headers["ratelimit-policy"] == '"default";q=10;w=600'
        assert re.fullmatch(rf'"default";r={left};t=\d+', reply.headers["ratelimit"])
    evasions = [forwarded("203.0.113.7"), {"X-Real-Ip": "203.0.113.8"}, {"Forwarded": "for=203.0.113.9"},
                {"X-Client-Ip": "127.0.0.1", "True-Client-Ip": "127.0.0.1"}, {"Via": "1.1 proxy"}, {}]
    for headers in evasions:
        reply = ask(server, "GET", PING, headers=headers | {"Origin": "https://shop.example"})
        problem(reply, 429, "rate.limited")
        assert 1 <= int(reply.headers["retry-after"]) <= 60
        assert reply.headers["ratelimit"].startswith('"default";r=0;t=') and "ratelimit-policy" in reply.headers
        # A page must be able to see that it is to wait.
        assert reply.headers["access-control-allow-origin"] == "https://shop.example"
    for path in ("/api/v1/nothing", LOGIN, "/openapi.json", "/API/V1/PING", "//api/v1/ping"):
        assert ask(server, "GET", path).status == 429
    assert ask_operations(server, "/livez").status == ask_operations(server, "/metrics").status == 200


def test_behind_a_trusted_proxy_each_client_counts_for_itself(fresh):
    server = fresh(SOUK_GATEWAY_RATE_LIMIT="4", SOUK_GATEWAY_RATE_WINDOW="600s",
        SOUK_TRUSTED_PROXIES="127.0.0.1,10.0.0.0/8",
                   SOUK_RATE_LIMIT_EXEMPT="198.51.100.0/24").start()

    def statuses(*hops: str) -> list[int]:
        return [ask(server, "GET", PING, headers=forwarded(hop)).status for hop in hops]

    assert statuses(*["203.0.113.1"] * 5) == [200] * 4 + [429]
    # What the client wrote itself stands left of what the proxy saw.
    spoofed = ["203.0.113.1", "9.9.9.1, 203.0.113.1", "198.51.100.1,203.0.113.1", "203.0.113.1, 10.1.2.3",
               "::1, 203.0.113.1", "203.0.113.1,10.0.0.1,10.0.0.2", ", 203.0.113.1", "<script>, 203.0.113.1"]
    assert statuses(*spoofed) == [429] * len(spoofed)
    assert statuses("203.0.113.2", "203.0.113.1, 203.0.113.2") == [200, 200]
    exempt = ask(server, "GET", PING, headers=forwarded("198.51.100.77"))
    assert exempt.status == 200 and "ratelimit" not in exempt.headers
    assert statuses(*["198.51.100.77"] * 6) == [200] * 6
    # A household has a /64, so that is one client; the next /64 is another.
    assert statuses(*[f"2001:db8::{n}" for n in range(1, 6)]) == [200] * 4 + [429]
    assert statuses("2001:db8:0:1::1", "2001:DB8:0:0:ffff::", "::ffff:203.0.113.1") == [200, 429, 429]


@pytest.mark.setups("rabbitmq", "kafka", reason="one process is its only gateway")
def test_gateways_count_together(fresh):
    server = fresh(SOUK_GATEWAY_RATE_LIMIT="10", SOUK_GATEWAY_RATE_WINDOW="600s", SOUK_RATE_LIMIT_EXEMPT="").start()
    first, [port, ops_port] = server.part("gateway"), free(2)
    second = Service(
        "second-gateway", first.folder, first.program, port, ops_port,
        lambda: first.environment() | {"SOUK_PORT": str(port), "SOUK_OPS_PORT": str(ops_port)})
    second.start()
    try:
        second.await_ready()
        for left in reversed(range(10)):
            reply = ask((first, second)[left % 2], "GET", PING)
            assert reply.status == 200 and reply.headers["ratelimit"].startswith(f'"default";r={left};t=')
        for gateway in (first, second):
            problem(ask(gateway, "GET", PING), 429, "rate.limited")
        # Without what they share each counts for itself, and still counts.
        server.cluster.redis.kill()
        for gateway in (first, second):
            statuses = [ask(gateway, "GET", PING).status for _ in range(12)]
            assert statuses[-2:] == [429, 429] and statuses.count(200) <= 10, statuses
    finally:
        assert second.stop() == 0


RIGHT = "correct horse battery"


def logins(server, address: str, email: str, password: str = "a wrong password", **more):
    return ask(server, "POST", LOGIN, {"email": email, "password": password, **more}, forwarded(address))


@pytest.fixture
def throttled(fresh):
    """Throttles low enough to reach; every client address can be played through the trusted proxy."""
    return fresh(SOUK_TRUSTED_PROXIES="127.0.0.1", SOUK_RATE_LIMIT_EXEMPT="198.51.100.1",
                 SOUK_AUTH_MAX_FAILURES_PER_ACCOUNT="3", SOUK_AUTH_MAX_FAILURES_PER_ACCOUNT_OVERALL="8",
                 SOUK_AUTH_MAX_FAILURES_PER_ADDRESS="6", SOUK_AUTH_MAX_REGISTRATIONS_PER_ADDRESS="2").start()


def register(server, address: str, email: str, password: str = RIGHT):
    return ask(server, "POST", "/api/v1/auth/register", {"email": email, "password": password, "name": "A"},
        forwarded(address))


def test_logins_are_throttled_per_account_and_network(throttled):
    assert register(throttled, "198.51.100.1", "known@test.example").status == 201
    told = {}
    for email in ("known@test.example", "unknown@test.example"):
        replies = [logins(throttled, "203.0.113.1", email) for _ in range(5)]
        assert [r.status for r in replies] == [401] * 3 + [429] * 2
        assert all(int(r.headers["retry-after"]) <= 900 for r in replies[3:])
        told[email] = [(r.status, anonymised(r)) for r in replies]
    assert told["known@test.example"] == told["unknown@test.example"]
    problem(logins(throttled, "203.0.113.1", "KNOWN@Test.Example", RIGHT), 429)
    throttled.stop()
    throttled.start()
    problem(logins(throttled, "203.0.113.1", "known@test.example", RIGHT), 429)
    # Whoever fails on purpose shuts out nobody else.
    assert logins(throttled, "203.0.113.9", "known@test.example", RIGHT).status == 200


def test_many_networks_together_lock_an_account_but_no_device_that_it_knows(throttled):
    device = register(throttled, "198.51.100.1", "known@test.example").data["device_token"]
    statuses = [logins(throttled, f"203.0.113.{n}", "known@test.example").status for n in range(1, 11)]
    assert statuses == [401] * 8 + [429] * 2
    problem(logins(throttled, "203.0.113.20", "known@test.example", RIGHT), 429)
    assert logins(throttled, "203.0.113.20", "known@test.example", RIGHT, device_token=device).status == 200
    # Somebody else's token is worth nothing here.
    others = register(throttled, "198.51.100.2", "eve@test.example").data["device_token"]
    problem(logins(throttled, "203.0.113.20", "known@test.example", RIGHT, device_token=others), 429)


def test_logins_are_throttled_per_address_over_all_accounts(throttled):
    assert register(throttled, "198.51.100.1", "known@test.example").status == 201
    statuses = [logins(throttled, "203.0.113.1", f"u{n}@test.example").status for n in range(8)]
    assert statuses == [401] * 6 + [429] * 2
    assert logins(throttled, "203.0.113.1", "known@test.example", RIGHT).status == 429
    assert logins(throttled, "203.0.113.2", "known@test.example", RIGHT).status == 200
    with ThreadPoolExecutor(50) as pool:  # many at once get no more guesses than one after another
        burst = list(pool.map(lambda n: logins(throttled, "203.0.113.3", f"b{n}@test.example").status, range(100)))
    assert sorted(burst) == [401] * 6 + [429] * 94
    # The right password is no failure, however often.
    rights = [logins(throttled, "203.0.113.4", "known@test.example", RIGHT).status for _ in range(9)]
    assert rights == [200] * 9
    sixty_four = [logins(throttled, f"2001:db8::{n}", f"v{n}@test.example").status for n in range(1, 9)]
    assert sixty_four == [401] * 6 + [429] * 2


def test_registrations_are_throttled_per_address(throttled):
    replies = [register(throttled, "203.0.113.1", f"r{n}@test.example") for n in range(4)]
    assert [r.status for r in replies] == [201, 201, 429, 429] and int(replies[2].headers["retry-after"]) <= 3600
    assert register(throttled, "203.0.113.2", "r9@test.example").status == 201
    # An address that has an account counts as any other.
    assert [register(throttled, "203.0.113.3", "r0@test.example").status for _ in range(3)] == [201, 201, 429]


# -- Who may read answers

def test_cors(fresh):
    server = fresh(SOUK_GATEWAY_CORS_ORIGINS="https://shop.example,http://localhost:3000").start()

    def preflight(origin: str, path: str = "/api/v1/checkout"):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "idempotency-key"}
        return ask(server, "OPTIONS", path, headers=asked)

    for origin in ("https://shop.example", "http://localhost:3000"):
        reply = preflight(origin)
        assert reply.status == 204 and reply.headers["access-control-allow-origin"] == origin
        assert "POST" in reply.headers["access-control-allow-methods"] and reply.headers["vary"] == "Origin"
        headers = reply.headers["access-control-allow-headers"].lower().split(", ")
        assert {"idempotency-key", "authorization"} <= set(headers)
        assert "access-control-allow-credentials" not in reply.headers
        for path in (PING, "/api/v1/users/me", "/api/v1/nothing"):  # errors can be read too
            reply = ask(server, "GET", path, headers={"Origin": origin})
            assert reply.headers["access-control-allow-origin"] == origin
            assert "Retry-After" in reply.headers["access-control-expose-headers"]
    for origin in ("https://shop.example.evil.test", "https://evil.test", "null", "http://shop.example",
            "https://SHOP.example",
                   "https://shop.example:8443", "https://shop.example, https://evil.test", "*", ""):
        for reply in (preflight(origin), ask(server, "GET", PING, headers={"Origin": origin})):
            assert not [h for h in reply.headers if h.startswith("access-control-")], origin


# -- What is too large or malformed

JSON = {"Content-Type": "application/json"}
CHUNKED = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
REGISTER = "/api/v1/auth/register"
ITEMS = "/api/v1/cart/items"
ITEM = {"variant_id": str(uuid.uuid4()), "quantity": 1}
REFUSED = [
    ("a body announced too long", "POST", ITEMS, None, JSON | {"Content-Length": "2000000"}, 413),
    ("a body too long in chunks", "POST", ITEMS, b"1FFFFF\r\n" + b" " * 0x1FFFFF + b"\r\n0\r\n\r\n", CHUNKED, 413),
    ("a body too long for this route", "POST", LOGIN, " " * (17 << 10), JSON, 413),
    ("a long header", "GET", PING, None, {"X-Long": "a" * 20_000}, 431),
    ("many headers", "GET", PING, None, [(f"X-{n}", "a") for n in range(150)], 431),
    ("a long address", "GET", f"{PING}?q={'a' * 9000}", None, {}, 414),
    ("no content type", "POST", LOGIN, "{}", {}, 415),
    ("plain text", "POST", LOGIN, "{}", {"Content-Type": "text/plain"}, 415),
    ("a form", "POST", LOGIN, "email=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ("another charset", "POST", LOGIN, "{}", {"Content-Type": "application/json; charset=utf-16"}, 415),
    ("a type that begins alike", "POST", LOGIN, "{}", {"Content-Type": "application/jsonx"}, 415),
    ("a compressed body", "POST", LOGIN, b"\x1f\x8b\x08\0", JSON | {"Content-Encoding": "gzip"}, 415),
    ("no body", "POST", LOGIN, None, JSON, 400), ("nothing", "POST", LOGIN, "", JSON, 400),
    ("half an object", "POST", LOGIN, '{"email": ', JSON, 400), ("an array", "POST", LOGIN, "[]", JSON, 400),
    ("null", "POST", LOGIN, "null", JSON, 400), ("two values", "POST", LOGIN, "{}{}", JSON, 400),
    ("NaN", "POST", ITEMS, '{"quantity": NaN}', JSON, 400),
    ("bytes that are no UTF-8", "POST", LOGIN, b'{"email": "\xff\xfe"}', JSON, 400),
    ("a depth of 100,000", "POST", LOGIN, "[" * 100 + '{"a":' * 2000, JSON, 400),
    ("arrays 500,000 deep", "POST", ITEMS, "[" * 500_000, JSON, 400),
    ("objects 100,000 deep", "POST", ITEMS, '{"quantity":' * 80_000 + "1" + "}" * 80_000, JSON, 400),
    ("an unknown field", "POST", ITEMS, ITEM | {"price": gbp(1)}, {}, 400),
    ("a number as text", "POST", ITEMS, ITEM | {"quantity": "1"}, {}, 400),
    ("a half", "POST", ITEMS, ITEM | {"quantity": 1.5}, {}, 400),
    ("true as a number", "POST", ITEMS, ITEM | {"quantity": True}, {}, 400),
    ("a huge number", "POST", ITEMS, json.dumps(ITEM).replace(" 1}", " 1e400}"), JSON, 400),
    ("beyond 64 bits", "POST", ITEMS, ITEM | {"quantity": 2**64}, {}, 422),
    ("too many", "POST", ITEMS, ITEM | {"quantity": 10**9}, {}, 422),
    ("none", "POST", ITEMS, ITEM | {"quantity": 0}, {}, 422),
    ("fewer than none", "POST", ITEMS, ITEM | {"quantity": -(2**63)}, {}, 422),
    ("NUL in a text", "POST", REGISTER, {"email": "a@b.example", "password": "longer than 8", "name": "a\0b"}, {}, 422),
    ("NUL in an address", "POST", REGISTER, {"email": "a\0@b.example", "password": "longer than 8", "name": "a"}, {},
    422),
    ("a line break in a name", "POST", REGISTER, {"email": "a@b.example", "password": "longer than 8",
    "name": "a\r\nBcc: b"}, {}, 422),
    ("a line break in an address", "POST", REGISTER, {"email": "a@b.example\r\nBcc: c@d.example",
    "password": "longer than 8", "name": "a"}, {}, 422),
    ("NUL in the query", "GET", "/api/v1/products?q=%00", None, {}, 400),
    ("NUL in the path", "GET", "/api/v1/products/%00", None, {}, 404),
    ("half an escape", "GET", "/api/v1/products?q=%a", None, {}, 400),
    ("bad UTF-8", "GET", "/api/v1/products?q=%ff", None, {}, 400),
    *[(f"{query}", "GET", f"/api/v1/products?{query}", None, {}, 400) for query in (
        "size=1000000000", "size=0", "size=-1", "size=101", "size=1e2", "size=", "size=%2010", "page=0", "page=-1",
        "page=99999999999999999999", "min_price=-1", "min_price=9&max_price=1", "currency=XXXX", "vendor_id=1",
        "sort=price;drop")],
    ("a key too long", "POST", "/api/v1/checkout", {"shipping_address": ADDRESS}, {"Idempotency-Key": "k" * 256}, 400),
    ("a key with spaces", "POST", "/api/v1/checkout", {"shipping_address": ADDRESS}, {"Idempotency-Key": "k\tk"}, 400),
]


@pytest.mark.parametrize("what, method, target, body, headers, status", REFUSED, ids=[case[0] for case in REFUSED])
def test_refused(souk, customer, what, method, target, body, headers, status):
    if "/checkout" in target:
        headers = headers | {"Authorization": f"Bearer {customer.token}"}
    problem(ask(souk, method, target, body, headers), status)
    assert ask(souk, "GET", PING).status == 200


@pytest.fixture(scope="module")
def customer(market) -> Client:
    return market.shopper()


def test_a_page_beyond_the_last_is_empty_or_refused_but_no_fault(souk):
    for page in (10**6, 2**31, 2**62 - 1, 2**63 - 1):
        assert ask(souk, "GET", f"/api/v1/products?page={page}&size=100").status in (200, 400)


@pytest.mark.parametrize("raw", [
    b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n", b"GET /api/v1/ping HTTP/1.1\nHost: x\n\n",
    b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\nX-A: a\r\n folded\r\n\r\n",
    b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\nX A: a\r\n\r\n",
    b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\nX-A : a\r\n\r\n",
    b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 7\r\n\r\n{}     ",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n\r\n",
    b"GET /api/v1/ping HTTP/9.9\r\nHost: x\r\n\r\n", b"GET /api/v1/ping\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n",
])
def test_what_could_be_read_in_two_ways_is_not_read(souk, raw):
    answer = send_bytes(souk, raw + b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n", timeout=5)
    assert parse(answer).status in (400, 431, 501, 505) and answer.count(b"HTTP/1.1 ") == 1 and b"pong" not in answer
    assert ask(souk, "GET", PING).status == 200


# -- Methods, headers, traces

def test_405_names_what_is_allowed(souk, binary):
    out = subprocess.run([binary, "routes"], capture_output=True, text=True, timeout=30, check=True).stdout
    some, methods = str(uuid.uuid4()), {}
    for method, path in (line.split() for line in out.splitlines()):
        methods.setdefault(re.sub(r"\{\w+\}", some, path), set()).add(method)
    for path, allowed in methods.items():
        allowed |= {"HEAD"} & {"HEAD" for m in allowed if m == "GET"}
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - allowed:
            reply = ask(souk, method, path)
            assert reply.status == 405, f"{method} {path}: {reply.status}"
            assert set(reply.headers["allow"].split(", ")) == allowed, f"{method} {path}"
            assert method == "HEAD" or problem(reply, 405, "method.not_allowed")
    for path, allowed in methods.items():
        if "GET" in allowed:
            get, head = ask(souk, "GET", path), ask(souk, "HEAD", path)
            assert head.status == get.status and not head.raw
            assert head.headers.get("content-type") == get.headers.get("content-type")


@pytest.mark.parametrize("name", ["X-User-Id", "x_user_id", "X.User.Id", "X-User-Role", "X-User-Roles", "X_ROLES",
    "X-Souk-Principal",
                                  "X-Forwarded-User", "Remote-User", "X-Admin", "X-Internal-Call", "X-Original-URL",
                                  "X-Rewrite-URL"])
def test_nobody_is_who_a_header_says(souk, market, customer, name):
    admin = market.admin.get("/api/v1/users/me").data
    for value in (admin["id"], "admin", admin["email"], "/api/v1/admin/users"):
        assert ask(souk, "GET", "/api/v1/users/me", headers={name: value}).status == 401
        token = {"Authorization": f"Bearer {customer.token}", name: value}
        assert ask(souk, "GET", "/api/v1/admin/users", headers=token).status == 403
        assert ask(souk, "GET", "/api/v1/users/me", headers=token).data["email"] == customer.email
        assert ask(souk, "GET", PING, headers={name: value}).json["data"]["message"] == "pong"


def test_request_ids_and_traces(souk):
    for sent in ("abc-123_X.9", "a" * 64):
        reply = ask(souk, "GET", "/api/v1/nothing", headers={"X-Request-Id": sent})
        assert reply.headers["x-request-id"] == sent and reply.json["instance"].endswith(sent)
    for unsafe in ("a" * 65, "a b", "<script>", "", "a;b", "${jndi:x}"):
        assert uuid.UUID(ask(souk, "GET", PING, headers={"X-Request-Id": unsafe}).headers["x-request-id"])
    trace = secrets.token_hex(16)

    def seen(traceparent: str) -> str:
        return ask(souk, "GET", "/api/v1/nothing", headers={"traceparent": traceparent}).json["trace_id"]

    assert seen(f"00-{trace}-{'b' * 16}-01") == trace
    for bad in (f"00-{'0' * 32}-{'b' * 16}-01", f"00-{trace}-{'0' * 16}-01", f"ff-{trace}-{'b' * 16}-01",
            f"00-{trace.upper()}Z-x-01", trace, "00--"):
        assert re.fullmatch(r"[0-9a-f]{32}", seen(bad)) and seen(bad) != trace


# -- What may be told

def test_metrics(souk):
    ask(souk, "GET", PING), ask(souk, "GET", "/api/v1/made-up/" + secrets.token_hex(8)), ask(souk, "BREW", PING)
    reply = ask_operations(souk, "/metrics")
    assert reply.status == 200 and reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = reply.raw.decode()
    assert re.search(r'^http_server_requests_total\{[^}]*route="/api/v1/ping"[^}]*\} \d+$', text, re.M)
    assert re.search(r"^# TYPE http_server_requests_total counter$", text, re.M)
    assert "made-up" not in text and 'route="unmatched"' in text
    sample = re.compile(r'[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="([^"\\]|\\.)*",?)*\})? [-+.\deInfNa]+')
    assert [line for line in text.splitlines() if not line.startswith("#") and not sample.fullmatch(line)] == []


def test_logs_are_json_lines_and_hold_no_secret(fresh):
    server = fresh(SOUK_LOG_LEVEL="trace", SOUK_RATE_LIMIT_EXEMPT="").start()
    market = Market(server, patience=10)
    canaries = {name: f"CANARY{name}{secrets.token_hex(8)}"
        for name in ("password", "wrong", "query", "card", "mail", "cart")}
    ada = market.anonymous.as_user(f"{canaries['mail'].lower()}@test.example", canaries["password"])
    ada.register("Ada")
    shop = market.shop()
    thing = shop.sell()
    order = market.buy(ada, [(thing, 1)])
    ada.patch("/api/v1/users/me", {"password": canaries["password"] + "2", "current_password": canaries["password"]})
    grant = ask(server, "POST", LOGIN, {"email": ada.email, "password": canaries["password"] + "2"}).data
    ask(server, "POST", "/api/v1/auth/refresh", {"refresh_token": grant["refresh_token"]})
    ask(server, "POST", LOGIN, {"email": ada.email, "password": canaries["wrong"]})
    ask(server, "POST", LOGIN, f'{{"password": "{canaries["wrong"]}", oops', JSON)
    ask(server, "POST", LOGIN, {"email": 1, "password": canaries["wrong"], "card": canaries["card"]})
    ask(server, "GET", f"{PING}?access_token={canaries['query']}",
        headers={"Authorization": f"Bearer {canaries['query']}"})
    ask(server, "GET", "/api/v1/cart", headers={"Cart-Token": canaries["cart"]})
    forged = {"Souk-Signature": f"t=1,v1={canaries['card']}"}
    ask(server, "POST", "/api/v1/payments/webhooks/sandbox", {"canary": canaries["card"]}, forged)
    ask(server, "GET", "/api/v1/nothing/%0d%0a%1b[31mFORGED", headers={"User-Agent": "a\x1b[31mFORGED"})
    market.settle()
    secrets_sent = {**canaries, "admin": server.admin_password, "access": ada.token, "refresh": grant["refresh_token"],
                    "grant": grant["access_token"], "pay token": order["payment"]["pay_url"].rsplit("/", 1)[1]
                    if order["payment"].get(
                        "pay_url") else "-" * 40, "webhooks": (server.data / "webhook-secret").read_text().strip()}
    metrics = ask_operations(server, "/metrics").raw.decode()
    wait_until("the access log", lambda: "/users/me" in server.logs())
    log = server.logs()
    for name, secret in secrets_sent.items():
        assert secret not in log and secret.split(".")[-1] not in log, f"{name} is in the log"
        assert secret not in metrics, f"{name} is in the metrics"
    lines = [json.loads(line) for line in log.splitlines()]
    assert all({"time", "level", "service", "message"} <= line.keys() for line in lines)
    assert "\x1b" not in log
    access = [line for line in lines if line["message"] == "request"]
    assert access and all({"method", "route", "status", "duration_ms", "client", "request_id",
        "trace_id"} <= line.keys() for line in access)
