"""Two customers, two vendors, an admin: whoever puts another's id anywhere gets 403 or 404, and nothing changes.

The table is held against the routes that the binary prints: a route that nobody has thought about fails.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import uuid
from dataclasses import dataclass, field

import pytest
from shop import Market, gbp
from souk_client import Client, Reply, wait_until

ANY = range(400, 600)


class Side:
    """A customer, a vendor and a guest with one of everything; `ids` names what is theirs."""

    def __init__(self, market: Market):
        self.market, self.shop, self.customer = market, market.shop(), market.shopper()
        self.vendor, self.guest = self.shop.client, Client(market.souk.url, patience=10)
        thing, draft = self.shop.sell(price=700, stock=50, sku="THING"), self.unpublished("DRAFT")
        paid, waiting = market.buy(self.customer, [(thing, 5)]), market.buy(self.customer, [(thing, 1)])
        part = self.shop.ship(paid, [{"line_id": paid["lines"][0]["id"], "quantity": 4}])
        returns = [self.ask_return(part) for _ in range(2)]
        unpaid = market.checkout(self.customer, [(thing, 1)])
        cart = self.customer.post("/api/v1/cart/items", {"variant_id": thing["id"], "quantity": 2}).data
        reply = self.guest.post("/api/v1/cart/items", {"variant_id": thing["id"], "quantity": 3})
        self.cart_token = reply.headers["cart-token"]
        market.settle()
        wait_until("notifications", lambda: self.customer.get("/api/v1/notifications").data)
        self.ids = {
            "product": thing["product_id"], "variant": thing["id"], "draft": draft["product_id"],
            "draft_variant": draft["id"], "store": self.shop.store["id"], "vendor": self.shop.vendor["id"],
            "order": paid["id"], "unpaid": unpaid["id"], "line": paid["lines"][0]["id"],
            "vendor_order": part["id"], "shipment": part["shipments"][0]["id"],
            "waiting": self.shop.part(waiting)["id"], "payment": paid["payment"]["id"],
            "return": returns[0]["id"], "other_return": returns[1]["id"],
            "notification": self.customer.get("/api/v1/notifications").data[0]["id"],
            "item": cart["items"][0]["id"], "guest_item": reply.data["items"][0]["id"],
            "user": self.customer.get("/api/v1/users/me").data["id"],
        }

    def unpublished(self, sku: str) -> dict:
        body = {"name": "Not yet", "variants": [{"sku": sku, "attributes": {}, "price": gbp(900)}]}
        product = self.vendor.post("/api/v1/products", body).data
        return product["variants"][0] | {"product_id": product["id"]}

    def ask_return(self, part: dict) -> dict:
        body = {"lines": [{"line_id": part["lines"][0]["id"], "quantity": 1}], "reason": "too many"}
        path = f"/api/v1/vendor-orders/{part['id']}/returns"
        return self.customer.post(path, body, key=secrets.token_hex(8)).data

    def snapshot(self) -> dict[str, object]:
        """Everything that this side can see, and what an admin sees of it, once what was done before has had its effects."""
        self.market.settle()
        # A refund that the provider has still to confirm is in no outbox.
        payment = f"/api/v1/admin/payments/{self.ids['payment']}"
        wait_until("the refunds to be made", lambda: all(
            refund["state"] != "pending" for refund in self.market.admin.get(payment).data["refunds"]))
        # A cancellation for which somebody was away goes on by itself.
        wait_until("the cancellation to be over", lambda: self.market.order(
            self.customer, self.ids["unpaid"])["status"] != "cancelling")
        self.market.settle()
        ids, seen = self.ids, {}
        looks: list[tuple] = [
            (self.customer, "users/me", "orders", "orders/{order}", "orders/{unpaid}", "payments/{payment}",
             "notifications", "cart", "returns"),
            (self.vendor, "users/me", "vendors/me", "vendors/me/stores", "vendor/products", "products/{draft}",
             "products/{product}", "stores/{store}", "stores/{store}/inventory",
             "stores/{store}/inventory/movements", "vendor-orders", "returns?as=vendor", "returns/{return}",
             "ledger/balance", "ledger/entries", "notifications"),
            (self.market.admin, "admin/orders/{order}", "admin/payments/{payment}", "admin/users/{user}",
             "admin/commissions", "categories"),
        ]
        for client, *paths in looks:
            for path in paths:
                seen[f"{client.email} {path}"] = client.get("/api/v1/" + path.format(**ids)).json.get("data")
        guest = self.guest.call("GET", "/api/v1/cart", headers={"Cart-Token": self.cart_token})
        return seen | {"guest": guest.json["data"]}


@dataclass
class Owned:
    """A route to something that has an owner: what names it, and who may use it; everybody else may not."""

    route: str
    names: tuple[str, ...]  # keys of Side.ids, one for each parameter
    owners: str  # of "customer", "vendor"
    body: dict | None = None
    version: str | None = None  # the thing of this name is changed with If-Match
    headers: dict = field(default_factory=dict)

    @property
    def method(self) -> str:
        return self.route.split()[0]

    def path(self, *ids: str) -> str:
        replacements = iter(ids)
        return re.sub(r"\{\w+\}", lambda _: next(replacements), self.route.split()[1])


ONE_LINE = {"lines": [{"line_id": "<line>", "quantity": 1}]}
OWNED = [
    Owned("GET /api/v1/orders/{id}", ("order",), "customer"),
    Owned("POST /api/v1/orders/{id}/cancel", ("unpaid",), "customer"),
    Owned("GET /api/v1/payments/{id}", ("payment",), "customer"),
    Owned("PATCH /api/v1/notifications/{id}", ("notification",), "customer", {"read": True}),
    Owned("PATCH /api/v1/cart/items/{id}", ("item",), "customer", {"quantity": 9}),
    Owned("DELETE /api/v1/cart/items/{id}", ("item",), "customer"),
    Owned("GET /api/v1/vendor-orders/{id}", ("vendor_order",), "vendor customer"),
    Owned("POST /api/v1/vendor-orders/{id}/accept", ("waiting",), "vendor"),
    Owned("POST /api/v1/vendor-orders/{id}/shipments", ("vendor_order",), "vendor", {"carrier": "Post"} | ONE_LINE),
    Owned("POST /api/v1/vendor-orders/{id}/shipments/{shipment_id}/deliver", ("vendor_order", "shipment"), "vendor"),
    Owned("POST /api/v1/vendor-orders/{id}/returns", ("vendor_order",), "customer", {"reason": "no"} | ONE_LINE),
    Owned("GET /api/v1/returns/{id}", ("return",), "customer vendor"),
    Owned("POST /api/v1/returns/{id}/approve", ("return",), "vendor", {"restock": False}),
    Owned("POST /api/v1/returns/{id}/reject", ("other_return",), "vendor", {"reason": "worn"}),
    Owned("GET /api/v1/products/{id}", ("draft",), "vendor admin"),  # admins moderate
    Owned("PATCH /api/v1/products/{id}", ("product",), "vendor", {"name": "Mine now"}, "product"),
    Owned("POST /api/v1/products/{id}/variants", ("product",), "vendor",
          {"sku": "NEW", "attributes": {"size": "L"}, "price": gbp(1)}),
    Owned("PATCH /api/v1/products/{id}/variants/{variant_id}", ("product", "variant"), "vendor",
          {"price": gbp(1)}, "product"),
    Owned("DELETE /api/v1/products/{id}/variants/{variant_id}", ("product", "variant"), "vendor"),
    Owned("PATCH /api/v1/stores/{id}", ("store",), "vendor", {"name": "Mine now"}, "store"),
    Owned("GET /api/v1/stores/{id}/inventory", ("store",), "vendor"),
    Owned("PUT /api/v1/stores/{id}/inventory", ("store",), "vendor", {"items": [{"sku": "THING", "on_hand": 45}]}),
    Owned("POST /api/v1/stores/{id}/inventory/adjustments", ("store",), "vendor",
          {"sku": "THING", "delta": -1, "reason": "stolen"}),
    Owned("GET /api/v1/stores/{id}/inventory/movements", ("store",), "vendor"),
]

# Nothing in these names a thing: they are about the caller, and what they list is the caller's alone.
PERSONAL = {
    "DELETE /api/v1/cart", "GET /api/v1/cart", "GET /api/v1/ledger/balance", "GET /api/v1/ledger/entries",
    "GET /api/v1/notifications", "GET /api/v1/notifications/unread-count", "POST /api/v1/notifications/read-all",
    "GET /api/v1/orders", "GET /api/v1/returns", "GET /api/v1/users/me", "PATCH /api/v1/users/me",
    "GET /api/v1/vendor-orders", "GET /api/v1/vendor/products", "POST /api/v1/vendors", "GET /api/v1/vendors/me",
    "PATCH /api/v1/vendors/me", "GET /api/v1/vendors/me/stores", "POST /api/v1/stores", "POST /api/v1/checkout",
    "POST /api/v1/auth/email/verify", "POST /api/v1/auth/email/resend", "POST /api/v1/auth/email/change",
    # Ids in their bodies: test_ids_in_bodies.
    "POST /api/v1/cart/items", "PUT /api/v1/cart/items", "POST /api/v1/products",
}
PUBLIC = {
    "GET /.well-known/jwks.json": "public keys are public",
    "GET /openapi.json": "the document of the API",
    "GET /api/v1/ping": "says that the gateway answers",
    "GET /api/v1/categories": "the catalogue is open to shoppers",
    "GET /api/v1/products": "the catalogue is open to shoppers; only published products are in it",
    "GET /api/v1/stores": "shoppers choose stores", "GET /api/v1/stores/{id}": "an open store's shop window",
    "GET /api/v1/stores/{id}/availability": "shoppers see what can be bought",
    "GET /api/v1/vendors": "shoppers see who sells", "GET /api/v1/vendors/{id}": "a vendor's public profile",
    "POST /api/v1/auth/register": "sign-up", "POST /api/v1/auth/login": "needs the password",
    "POST /api/v1/auth/refresh": "the token is the authority", "POST /api/v1/auth/logout": "the token is the authority",
    "POST /api/v1/auth/password/forgot": "mails the address alone", "POST /api/v1/auth/password/reset": "the mailed token is the authority",
    "POST /api/v1/payments/webhooks/{provider}": "the signature is the authority",
    "GET /sandbox/pay/{token}": "the token, 256 random bits, is the authority",
    "POST /sandbox/pay/{token}": "the token, 256 random bits, is the authority",
}
ADMIN_IDS = {"service": "order", "role": "admin", "vendor_id": "vendor", "/users/": "user", "/payments/": "payment",
             "/orders/": "order", "/vendors/": "vendor", "/categories/": "product", "/events/": "order"}


@pytest.fixture(scope="module")
def routes(binary) -> list[str]:
    out = subprocess.run([binary, "routes"], capture_output=True, text=True, timeout=30, check=True).stdout
    return [line for line in out.splitlines() if re.match(r"[A-Z]+ /", line)]


@pytest.fixture(scope="module")
def world(private):
    with private("owners") as server:
        market = Market(server, patience=20)
        one, other = Side(market), Side(market)
        yield market, one, other
        market.assert_books_balance()


def callers(market: Market, one: Side, other: Side, owners: str = "") -> dict[str, Client]:
    everybody = {
        "customer": one.customer, "vendor": one.vendor, "other customer": other.customer,
        "other vendor": other.vendor, "guest": market.anonymous, "admin": market.admin,
    }
    return {name: client for name, client in everybody.items() if name not in owners.split()}


def send(client: Client, method: str, path: str, body=None, **headers: str) -> Reply:
    key = secrets.token_hex(8) if method in ("POST", "PUT") else None
    return client.call(method, path, body, key=key, headers=headers, expect=ANY)


def filled(body, ids: dict):
    """The body with `<name>` replaced by the id of that name."""
    if isinstance(body, dict):
        return {k: filled(v, ids) for k, v in body.items()}
    if isinstance(body, list):
        return [filled(v, ids) for v in body]
    return ids[body[1:-1]] if isinstance(body, str) and body.startswith("<") else body


def attempt(case: Owned, client: Client, side: Side, *ids: str) -> Reply:
    headers = dict(case.headers)
    if case.version:
        headers["If-Match"] = side.vendor.get(f"/api/v1/{case.version}s/{side.ids[case.version]}").headers["etag"]
    return send(client, case.method, case.path(*ids), filled(case.body, side.ids), **headers)


def test_every_route_is_in_the_table(routes):
    known = {case.route for case in OWNED} | PERSONAL | set(PUBLIC)
    new = [r for r in routes if r not in known and " /api/v1/admin/" not in r]
    assert not new, f"who may use these, and with whose ids? {new}"
    assert not known - set(routes), "routes that are gone"


@pytest.mark.parametrize("case", OWNED, ids=lambda case: case.route)
def test_another_owners_ids(world, case):
    market, one, other = world
    before = one.snapshot(), other.snapshot()
    theirs = [one.ids[name] for name in case.names]
    mixed = [theirs] + [[*theirs[:n], other.ids[name], *theirs[n + 1:]] for n, name in enumerate(case.names) if n]
    if len(theirs) > 1:
        mixed.append([other.ids[case.names[0]], *theirs[1:]])
    for who, client in callers(market, one, other, case.owners).items():
        for ids in mixed:
            reply = attempt(case, client, one, *ids)
            allowed = {401, 404} if who == "guest" else {403, 404}
            assert reply.status in allowed, f"{who}: {case.method} {case.path(*ids)}: {reply.status} {reply.raw[:300]}"
            assert reply.headers["content-type"] == "application/problem+json"
            if case.method == "GET":
                head = send(client, "HEAD", case.path(*ids))
                assert head.status == reply.status and not head.raw
    assert (one.snapshot(), other.snapshot()) == before


@pytest.mark.parametrize("case", OWNED, ids=lambda case: case.route)
def test_ids_of_nothing(world, case):
    _, one, _ = world
    before = one.snapshot()
    owner = one.vendor if "vendor" in case.owners else one.customer
    for unknown in (str(uuid.uuid4()), "0", "me", "..%2f..%2f", "%00", "%F0%9F", "' OR 1=1 --".replace(" ", "%20")):
        for n in range(len(case.names)):
            ids = [one.ids[name] for name in case.names]
            ids[n] = unknown
            reply = attempt(case, owner, one, *ids)
            assert reply.status == 404, f"{case.method} {case.path(*ids)}: {reply.status} {reply.raw[:300]}"
    assert one.snapshot() == before


def test_admin_routes_are_for_admins(world, routes):
    market, one, other = world
    before = one.snapshot(), other.snapshot()

    def parameter(route: str, name: str) -> str:
        key = ADMIN_IDS.get(name) or next(v for k, v in ADMIN_IDS.items() if k in route)
        return one.ids.get(key, key)

    admin_routes = [r for r in routes if " /api/v1/admin/" in r]
    assert len(admin_routes) >= 30
    for route in admin_routes:
        method, path = re.sub(r"\{(\w+)\}", lambda m: parameter(route, m[1]), route).split()
        for who, client in callers(market, one, other, "admin").items():
            reply = send(client, method, path, {"reason": "why not"} if method in ("POST", "PATCH", "PUT") else None)
            expected = (401, "auth.required") if who == "guest" else (403, "auth.forbidden")
            assert (reply.status, reply.json["code"]) == expected, f"{who}: {route}"
            assert ("www-authenticate" in reply.headers) == (who == "guest")
    assert (one.snapshot(), other.snapshot()) == before


def test_lists_hold_only_ones_own(world):
    market, one, other = world
    public = {"product", "variant", "store", "vendor"}
    secret = {name: value for name, value in one.ids.items() if name not in public}
    paths = [r.split()[1] for r in sorted(PERSONAL | set(PUBLIC)) if r.startswith("GET /api") and "{" not in r]
    queries = ["returns?as=vendor", "returns?as=customer", "vendor/products?sku=DRAFT", "notifications?unread=true",
               "products?vendor_id={vendor}", "products?q=Not+yet", "vendor-orders?store_id={store}",
               "vendor-orders?order_id={order}", "vendor-orders?store_id={store}&order_id={order}",
               "orders?customer_id={user}", "notifications?user_id={user}", "vendor/products?vendor_id={vendor}",
               "ledger/entries?vendor_id={vendor}", "ledger/balance?vendor_id={vendor}"]
    paths += ["/api/v1/" + q.format(**one.ids) for q in queries]
    for client in (other.customer, other.vendor, market.anonymous):
        for path in paths:
            text = client.call("GET", path, expect=ANY).raw.decode()
            assert not [n for n, value in secret.items() if value in text], f"{path} shows what is another's"


def test_ids_in_bodies(world):
    market, one, other = world
    before = one.snapshot(), other.snapshot()
    ids, nothing = one.ids, str(uuid.uuid4())
    line = {"lines": [{"line_id": ids["line"], "quantity": 1}]}
    cart, mine = "/api/v1/cart/items", other.ids
    orders = f"/api/v1/vendor-orders/{mine['vendor_order']}"
    product = {"name": "X", "variants": [{"sku": "X", "attributes": {}, "price": gbp(1)}]}
    cases = [
        (client, method, cart, {"items": [item]} if method == "PUT" else item)
        for client in (other.customer, one.customer, other.vendor, market.anonymous) for method in ("POST", "PUT")
        for item in (
            {"variant_id": ids["draft_variant"], "quantity": 1}, {"variant_id": nothing, "quantity": 1},
            {"variant_id": ids["variant"], "store_id": mine["store"], "quantity": 1},
            {"variant_id": ids["variant"], "store_id": nothing, "quantity": 1})
    ] + [
        (other.vendor, "POST", f"{orders}/shipments", {"carrier": "Post", **line}),
        (other.customer, "POST", f"{orders}/returns", {"reason": "no", **line}),
        (other.vendor, "POST", "/api/v1/products", product | {"category_ids": [nothing]}),
        (market.admin, "POST", f"/api/v1/admin/payments/{mine['payment']}/refunds",
         {"amount": gbp(1), "reason": "no", "vendor_id": ids["vendor"]}),
        (market.admin, "POST", "/api/v1/admin/categories", {"name": "X", "slug": "x", "parent_id": nothing}),
        (market.admin, "PUT", f"/api/v1/admin/commissions/{nothing}", {"basis_points": 1}),
    ]
    for client, method, path, body in cases:
        reply = send(client, method, path, body)
        assert reply.status in (403, 404, 409, 422), f"{method} {path} {body}: {reply.status} {reply.raw[:300]}"
    assert (one.snapshot(), other.snapshot()) == before


def test_a_guests_cart_is_whoever_holds_its_token(world):
    _, one, other = world
    before = one.snapshot()
    path = f"/api/v1/cart/items/{one.ids['guest_item']}"
    for token in (None, other.cart_token, secrets.token_urlsafe(32), "", "x" * 5000, "' OR '1'='1",
            one.ids["guest_item"]):
        headers = {} if token is None else {"Cart-Token": token}
        for client in (other.guest, other.vendor) if token != other.cart_token else (other.guest,):
            for method, body in (("PATCH", {"quantity": 9}), ("DELETE", None)):
                assert send(client, method, path, body, **headers).status in (400, 404), (token, method)
            seen = send(client, "GET", "/api/v1/cart", **headers)
            assert seen.status in (200, 400, 404) and one.ids["guest_item"] not in seen.raw.decode()
    assert one.snapshot() == before


def test_anothers_idempotency_key_answers_nothing_of_theirs(world):
    market, one, other = world
    thing = {"id": one.ids["variant"]}
    key = secrets.token_hex(8)
    first, second = (market.checkout(side.vendor, [(thing, 1)], key=key) for side in (one, other))
    assert first["id"] != second["id"] and first["customer_id"] != second["customer_id"]
    body = {"sku": "THING", "delta": 1, "reason": "found"}
    replies = [side.vendor.post(f"/api/v1/stores/{side.ids['store']}/inventory/adjustments", body, key=key)
        for side in (one, other)]
    assert [r.data["store_id"] for r in replies] == [one.ids["store"], other.ids["store"]]


@pytest.mark.parametrize("case", OWNED, ids=lambda case: case.route)
def test_the_owner_may(world, case):
    """The same requests work for the owner: what was refused above was refused for the id and nothing else."""
    one = world[1]
    owner = one.vendor if "vendor" in case.owners else one.customer
    before = one.snapshot()
    reply = attempt(case, owner, one, *(one.ids[name] for name in case.names))
    assert reply.status < 300, reply.raw[:300]
    assert (one.snapshot() == before) == (case.method == "GET"), "what changes must show in the snapshot"
