"""What an attacker tries first: fields that aren't theirs, forged webhooks, guesses, injections."""

import hashlib
import hmac
import json
import re
import secrets
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from shop import ADDRESS, Market, Shop, gbp
from souk_client import Client
from wire import ask, problem

ME, LOGIN = "/api/v1/users/me", "/api/v1/auth/login"
WEBHOOK = "/api/v1/payments/webhooks/sandbox"


@pytest.fixture(scope="module")
def ada(market) -> Client:
    return market.shopper()


@pytest.fixture(scope="module")
def shop(market) -> Shop:
    return market.shop()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# -- Fields that aren't the caller's to set

def test_mass_assignment(market, ada, shop):
    thing, nothing = shop.sell(), str(uuid.uuid4())
    product = f"/api/v1/products/{thing['product_id']}"
    etag = shop.client.get(product).headers["etag"]
    store, store_tag = (r := shop.client.get(f"/api/v1/stores/{shop.store['id']}")).data, r.headers["etag"]
    variant = {"sku": "M", "attributes": {}, "price": gbp(5)}
    anyone, vendor = market.anonymous, shop.client
    cases: list[tuple] = [
        (anyone, "POST", "/api/v1/auth/register", {"email": "m@test.example", "password": "longer than 8", "name": "M"},
         {"role": "admin", "roles": ["admin"], "active": True, "id": nothing, "is_admin": True, "version": 9}),
        (anyone, "POST", LOGIN, {"email": ada.email, "password": ada.password},
        {"roles": ["admin"], "user_id": nothing}),
        (ada, "PATCH", ME, {"name": "M"}, {"role": "admin", "roles": ["admin"], "email": "x@test.example",
        "active": False, "id": nothing}),
        (ada, "POST", "/api/v1/vendors", {"name": "M"}, {"status": "active", "owner_id": nothing, "user_id": nothing,
        "commission": 0}),
        (vendor, "PATCH", "/api/v1/vendors/me", {"name": "M"},
        {"status": "active", "owner_id": nothing, "basis_points": 0}),
        (vendor, "POST", "/api/v1/stores", {"name": "M"}, {"vendor_id": nothing, "status": "open"}),
        (vendor, "PATCH", f"/api/v1/stores/{store['id']}", {"name": "M"},
        {"vendor_id": nothing, "slug": "mine", "version": 1}),
        (vendor, "POST", "/api/v1/products", {"name": "M", "variants": [variant]},
        {"vendor_id": nothing, "id": nothing, "price": gbp(1)}),
        (vendor, "PATCH", product, {"name": "M"}, {"vendor_id": nothing, "version": 9, "variants": []}),
        (vendor, "POST", f"{product}/variants", variant, {"id": nothing, "product_id": nothing, "vendor_id": nothing}),
        (vendor, "PUT", f"/api/v1/stores/{store['id']}/inventory", {"items": [{"sku": thing["sku"], "on_hand": 5}]},
        {"store_id": nothing, "reserved": 0}),
        (ada, "POST", "/api/v1/cart/items", {"variant_id": thing["id"], "quantity": 1},
        {"price": gbp(1), "unit_price": gbp(1), "user_id": nothing}),
        (ada, "POST", "/api/v1/checkout", {"shipping_address": ADDRESS},
         {"total": gbp(1), "status": "paid", "user_id": nothing, "customer_id": nothing,
         "return_url": "https://evil.test", "discount": gbp(9)}),
        (vendor, "POST", f"/api/v1/vendor-orders/{nothing}/shipments", {"carrier": "P"},
        {"status": "delivered", "customer_id": nothing}),
        (ada, "POST", f"/api/v1/vendor-orders/{nothing}/returns",
        {"lines": [{"line_id": nothing, "quantity": 1}], "reason": "r"},
        {"amount": gbp(10**6), "customer_id": nothing}),
        (vendor, "POST", f"/api/v1/returns/{nothing}/approve", {"restock": True}, {"amount": gbp(10**6)}),
        (ada, "PATCH", f"/api/v1/notifications/{nothing}", {"read": True}, {"user_id": nothing, "text": "hi"}),
    ]
    before = [vendor.get(p).data for p in ("/api/v1/vendors/me", f"/api/v1/stores/{store['id']}",
        product)] + [ada.get(ME).data]
    for client, method, path, body, extras in cases:
        headers = {"If-Match": store_tag if "/stores/" in path else etag} if method == "PATCH" else {}
        for field, value in extras.items():
            reply = client.call(method, path, body | {field: value}, key=secrets.token_hex(8), headers=headers,
                expect=range(400, 600))
            document = problem(reply, 400, "request.invalid")
            assert [e["field"] for e in document["errors"]] == [field], f"{method} {path} {field}"
    for nested in ({"role": "admin"}, {"price": gbp(1)}):
        reply = vendor.call("POST", "/api/v1/products", {"name": "M",
            "variants": [variant | {"vendor_id": nothing} | nested]}, expect=(400, 422))
        assert reply.status == 400
    assert [vendor.get(p).data for p in ("/api/v1/vendors/me", f"/api/v1/stores/{store['id']}",
        product)] + [ada.get(ME).data] == before


# -- Webhooks

class Forger:
    """Speaks to the webhook as the provider does, with the provider's secret or without."""

    def __init__(self, market: Market, order: dict):
        self.market, self.order = market, order
        self.secret = (market.souk.data / "webhook-secret").read_text().strip()
        url = order["payment"]["pay_url"]
        page = ask(market.souk, "GET", url[url.index("/", 8):], headers={"Accept": "text/html"}).raw.decode()
        self.charge = re.search(r"Charge (\S+?)<", page)[1]

    def body(self, kind: str = "charge.captured", **more) -> str:
        data = {"charge": self.charge, "payment_id": self.order["payment"]["id"], "amount": self.order["total"],
            "reason": None, "refund_id": None}
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
        return json.dumps({"id": f"evt_{secrets.token_hex(8)}", "type": kind, "created_at": now, "data": data | more})

    def signature(self, body: str, at: float = 0, secret: str | None = None, version: str = "v1") -> str:
        moment = int(time.time() + at)
        code = hmac.new((self.secret if secret is None else secret).encode(), f"{moment}.{body}".encode(),
            hashlib.sha256).hexdigest()
        return f"t={moment},{version}={code}"

    def send(self, body: str, signature: str | None, path: str = WEBHOOK):
        headers = [("Content-Type", "application/json")] + ([("Souk-Signature", signature)]
            if signature is not None else [])
        return ask(self.market.souk, "POST", path, body, headers)


def test_forged_webhooks_pay_nothing(market, ada, shop):
    order = market.checkout(ada, [(shop.sell(), 1)])
    forger = Forger(market, order)
    body = forger.body()
    good = forger.signature(body)
    moment, code = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", good).groups()
    forged = {
        "none": None, "empty": "", "nonsense": "nonsense", "another secret": forger.signature(body, secret="guess"),
        "the empty secret": forger.signature(body, secret=""),
        "of another body": forger.signature(body + " "), "too old": forger.signature(body, at=-302),
        "from the future": forger.signature(body, at=302),
        "another time": f"t={int(moment) + 1},v1={code}", "no time": f"v1={code}",
        "two times": f"t={moment},t={moment},v1={code}", "v0": forger.signature(body, version="v0"),
        "half a code": f"t={moment},v1={code[:32]}", "an empty code": f"t={moment},v1=",
        "a huge time": f"t={'9' * 30},v1={code}",
        "many codes": f"t={moment}" + f",v1={'0' * 64}" * 9 + f",v1={code}", "a negative time": f"t=-1,v1={code}"}
    for name, signature in forged.items():
        assert forger.send(body, signature).status in (400, 401, 403), name
    assert forger.send(body, good, WEBHOOK.replace("sandbox", "stripe")).status == 404
    assert market.order(ada, order["id"])["status"] == "awaiting_payment"
    # Signed well, but not what was agreed, or about nothing that is known.
    strange = [forger.body(amount=gbp(1)), forger.body(amount={"amount": order["total"]["amount"], "currency": "JPY"}),
        forger.body("charge.unheard_of"),
               forger.body(charge="ch_unknown"), forger.body(charge="ch_unknown", payment_id=str(uuid.uuid4())), "{}",
               "[]", "not JSON", '{"id": 1}']
    for text in strange:
        reply = forger.send(text, forger.signature(text))
        assert reply.status in (200, 400, 422), f"{text}: {reply.status} {reply.raw[:200]}"
        assert reply.status != 200 or reply.data["outcome"] in ("mismatch", "ignored", "orphan", "duplicate"), text
    assert market.order(ada, order["id"])["status"] == "awaiting_payment"
    market.assert_books_balance()


def test_replayed_webhooks_change_nothing(market, ada, shop):
    order = market.checkout(ada, [(shop.sell(price=900), 1)])
    forger = Forger(market, order)
    market.pay(ada, order)
    market.settle()

    def books():
        payment = market.admin.get(f"/api/v1/admin/payments/{order['payment']['id']}").data
        return payment, shop.client.get("/api/v1/ledger/balance").data

    before = books()
    (genuine,), = market.souk.query("sandbox", f"SELECT body FROM webhooks WHERE reference = '{forger.charge}'")
    for _ in range(5):
        reply = forger.send(genuine, forger.signature(genuine))
        assert (reply.status, reply.data["outcome"]) == (200, "duplicate")
    for kind in ("charge.captured", "charge.authorized", "charge.failed", "charge.expired", "charge.cancelled"):
        text = forger.body(kind)
        assert forger.send(text, forger.signature(text)).status == 200
    market.settle()
    assert books() == before
    assert market.order(ada, order["id"])["status"] == "paid"
    assert [n["kind"] for n in ada.pages("/api/v1/notifications")
        if n["subject"].get("order_id") == order["id"]].count("order.paid") == 1
    market.assert_books_balance()


# -- The pay page

def pay_path(order: dict) -> str:
    return (url := order["payment"]["pay_url"])[url.index("/", 8):]


def test_pay_pages_cannot_be_guessed_or_paid_twice(market, ada, shop):
    order = market.checkout(ada, [(shop.sell(price=100), 1)])
    path = pay_path(order)
    token = path.rsplit("/", 1)[1]
    assert len(token) >= 43
    for guess in (token[:-1], token + "A", token.swapcase(), secrets.token_urlsafe(32), "%00", "..%2f..",
            "'%20OR%20'1'='1", "_" * 43, "%25", order["id"], "A" * 5000):
        for method, body in (("GET", None), ("POST", {"outcome": "success"})):
            assert ask(market.souk, method, f"/sandbox/pay/{guess}", body).status == 404, guess
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for text, headers, statuses in (("outcome=success", form, (403,)),
            ("outcome=success&form_nonce=guess", form, (403,)),
            ('{"outcome":"success"}', {"Content-Type": "text/plain"}, (415,)),
                                    ('{"outcome":"free"}', {"Content-Type": "application/json"}, (422,)),
                                    ("", {}, (415,))):
        assert ask(market.souk, "POST", path, text, headers).status in statuses, text
    assert ask(market.souk, "POST", path, {"outcome": "success", "amount": gbp(1)}).status == 400
    assert market.order(ada, order["id"])["status"] == "awaiting_payment"
    with ThreadPoolExecutor(10) as pool:
        assert {r.status for r in pool.map(lambda _: ask(market.souk, "POST", path, {"outcome": "success"}),
            range(10))} <= {200, 303}
    problem(ask(market.souk, "POST", path, {"outcome": "decline"}), 409, "charge.final")
    market.reaches(ada, order, "paid")
    market.settle()
    assert market.admin.get(f"/api/v1/admin/payments/{order['payment']['id']}").data["state"] == "captured"
    cancelled = market.checkout(ada, [(shop.sell(), 1)])
    ada.post(f"/api/v1/orders/{cancelled['id']}/cancel")
    problem(ask(market.souk, "POST", pay_path(cancelled), {"outcome": "success"}), 409)
    declined = market.checkout(ada, [(shop.sell(), 1)])
    market.pay(ada, declined, outcome="decline", until="cancelled")
    problem(ask(market.souk, "POST", pay_path(declined), {"outcome": "success"}), 409)
    market.assert_books_balance()


def test_an_expired_charge_is_not_paid(fresh):
    market = Market(fresh(SOUK_ORDER_PAYMENT_WINDOW="1s", SOUK_ORDER_RESERVATION_SLACK="1s").start(), patience=10)
    user = market.shopper()
    order = market.checkout(user, [(market.shop().sell(), 1)])
    market.reaches(user, order, "expired")
    assert ask(market.souk, "POST", pay_path(order), {"outcome": "success"}).status in (404, 409)
    market.settle()
    assert market.order(user, order["id"])["status"] == "expired"


# -- Injections

INJECTIONS = ["' OR '1'='1", "'; DROP TABLE products; --", "\" OR 1=1 --", "%' OR 1=1 --", "') UNION SELECT 1,2,3 --",
    "x'||(SELECT 1)||'", "\\", "\\'", "%", "_", "*", "?1", "$1",
              "1; SELECT pg_sleep(9)", "' AND randomblob(1000000000) --", "{{7*7}}", "${jndi:ldap://127.0.0.1}",
              "NEAR(\"a\" \"b\")", "a\" NOT \"b", "a\nb", "\u202e", "😀" * 20]


def test_injections_find_nothing_and_break_nothing(market, ada, shop):
    shop.sell(sku="PLAIN")
    order = market.checkout(ada, [(shop.sell(), 1)], reference="REF")
    store = f"/api/v1/stores/{shop.store['id']}"
    lists = [(market.anonymous, "/api/v1/products", "q"), (market.anonymous, "/api/v1/products", "category"),
        (market.anonymous, "/api/v1/vendors", "q"),
             (shop.client, "/api/v1/vendor/products", "sku"), (shop.client, f"{store}/inventory", "sku"),
             (shop.client, f"{store}/inventory/movements", "sku"),
             (ada, "/api/v1/orders", "reference"), (market.admin, "/api/v1/admin/orders", "reference"),
             (market.admin, "/api/v1/admin/users", "q"),
             (market.admin, "/api/v1/admin/ledger/transactions", "reference")]
    closed = [(market.anonymous, "/api/v1/products", "sort"), (market.anonymous, "/api/v1/products", "vendor_id"),
        (market.anonymous, "/api/v1/products", "page"),
              (ada, "/api/v1/orders", "status"), (shop.client, "/api/v1/vendor-orders", "store_id"),
              (market.admin, "/api/v1/admin/payments", "order_id"),
              (market.admin, "/api/v1/admin/users", "role"),
              (market.admin, "/api/v1/admin/events/dead-letters", "service"), (ada, "/api/v1/notifications", "kind")]
    for text in INJECTIONS:
        for client, path, name in lists + closed:
            start = time.perf_counter()
            reply = client.call("GET", f"{path}?{name}={quote(text)}", expect=range(400, 600))
            assert reply.status == 400 or (reply.status in (200, 404) and not reply.data
                and (client, path, name) in lists), f"{path} {name}={text}: {reply.status} {reply.raw[:200]}"
            assert time.perf_counter() - start < 3
        found = market.anonymous.get(f"{store}/availability", sku=text).data
        assert not any(a["available"] for a in found), text
        assert ask(market.souk, "POST", LOGIN, {"email": text, "password": text}).status in (401, 422)
        reply = ada.call("POST", f"/api/v1/orders/{quote(text, safe='')}/cancel", expect=(404,))
        assert reply.status == 404
    assert market.order(ada, order["id"])["status"] == "awaiting_payment" and ada.get("/api/v1/orders",
        reference="REF").data


def test_what_is_stored_comes_back_as_it_was(market, shop):
    for text in [t for t in INJECTIONS if "\n" not in t] + ["<script>alert(1)</script>", "=cmd|'/c calc'!A1", "é" * 50,
            "Robert'); DROP TABLE users;--"]:
        body = {"name": text, "description": text, "attributes": {"note": text},
            "variants": [{"sku": f"I-{secrets.token_hex(4)}", "attributes": {}, "price": gbp(1)}]}
        reply = shop.client.call("POST", "/api/v1/products", body, expect=(422,))
        if reply.status == 201:
            kept = shop.client.get(f"/api/v1/products/{reply.data['id']}")
            assert (kept.data["name"], kept.data["description"], kept.data["attributes"]) == (text, text,
                {"note": text})
            assert kept.headers["content-type"] == "application/json"
            assert kept.headers["x-content-type-options"] == "nosniff"


def test_no_line_breaks_into_headers(market, ada):
    evil = "%0d%0aSet-Cookie:%20evil=1%0d%0a%0d%0aHTTP/1.1%20200%20OK"
    for method, target, body in [("GET", f"/sandbox/pay/{evil}", None),
            ("POST", f"/sandbox/pay/{evil}", {"outcome": "success"}), ("GET", f"/api/v1/{evil}", None),
            ("GET", f"/api/v1/ping?q={evil}", None),
                                 ("PUT", f"/api/v1/orders/{evil}", None),
                                 ("POST", f"/api/v1/payments/webhooks/{evil}", {}), ("OPTIONS", f"/{evil}", None)]:
        reply = ask(market.souk, method, target, body, {"Origin": "https://a.test", "X-Request-Id": evil})
        assert "set-cookie" not in reply.headers and not any("evil" in v for v in reply.headers.values()), target
        assert reply.raw.count(b"HTTP/1.1 200") == 0
    for headers in ("X-A: a\r\nX-Souk-User: b", "X-Request-Id: a\rSet-Cookie: evil=1", "X\r\n-A: b", "X-A\0: b",
            "X-A: \x00"):
        name, _, value = headers.partition(": ")
        assert "set-cookie" not in ask(market.souk, "GET", "/api/v1/ping", headers=[(name, value)]).headers


# -- What browsers and proxies can be made to do

def test_method_overrides_are_ignored(market, ada, shop):
    thing = shop.sell()
    ada.put("/api/v1/cart/items", {"items": [{"variant_id": thing["id"], "quantity": 1}]})
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Http-Method-Override"):
        for target in ("/api/v1/cart", "/api/v1/cart?_method=DELETE", "/api/v1/cart?method=DELETE"):
            reply = ask(market.souk, "GET", target, headers=bearer(ada.token) | {name: "DELETE"})
            assert reply.status == 200 and len(reply.data["items"]) == 1
        assert ask(market.souk, "POST", "/api/v1/cart", "_method=DELETE",
            bearer(ada.token) | {name: "DELETE", "Content-Type": "application/x-www-form-urlencoded"}).status == 405
        assert ask(market.souk, "GET", "/api/v1/admin/users",
            headers=bearer(ada.token) | {name: "OPTIONS"}).status == 403


@pytest.mark.parametrize("kind", ["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "", "text/json", "application/json, text/plain"])
def test_a_form_of_another_site_sends_no_json(market, ada, kind):
    sent = {"Content-Type": kind} if kind else {}
    item = json.dumps({"variant_id": str(uuid.uuid4()), "quantity": 1})
    for method, path, body in [("POST", LOGIN, json.dumps({"email": ada.email, "password": ada.password})),
            ("POST", "/api/v1/cart/items", item), ("PATCH", ME, '{"name": "M"}'),
                               ("POST", "/api/v1/checkout", json.dumps({"shipping_address": ADDRESS}))]:
        headers = sent | (bearer(ada.token) if path != LOGIN else {}) | {"Idempotency-Key": secrets.token_hex(8),
            "Origin": "https://evil.test"}
        problem(ask(market.souk, method, path, body, headers), 415)


def test_media_is_on_the_web_and_nowhere_else(market, shop):
    def post(url):
        body = {"name": "M", "media": [{"url": url}], "variants": [{"sku": f"U-{secrets.token_hex(4)}",
            "attributes": {}, "price": gbp(1)}]}
        return shop.client.call("POST", "/api/v1/products", body, expect=range(400, 600))

    for url in ["javascript:alert(1)", "JaVaScRiPt:alert(1)//http://a.test", "file:///etc/passwd",
            "data:text/html;base64,PHNjcmlwdD4=", "ftp://a.test/x.png", "vbscript:x", "blob:http://a.test/1",
                "//a.test/x.png", "/x.png", "https://", "https:///x", "http:a.test", " https://a.test/x.png",
                "https://a.test/\nx", "https://a.test/x\0.png", "java\tscript:alert(1)",
                "https://user:password@a.test/x.png", "https://a.test/" + "a" * 2100, "gopher://a.test:70/"]:
        assert post(url).status == 422, url
    for url in ["https://a.test/x.png", "http://cdn.a.test:8080/x.png?w=1#f"]:
        assert post(url).data["media"][0]["url"] == url
