"""Every route, called by somebody who had the authority a moment ago and has lost it: refused, and nothing is changed.

The tables are held against the routes that the binary prints: a route that nobody has thought about fails. In one process a
loss holds for the next request; with a process per service within the bound of docs/operations.md, and for administrators and
vendors at once there, too.
"""

from __future__ import annotations

import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from shop import Market, gbp
from souk_client import Client, wait_until
from test_ownership import ADMIN_IDS, OWNED, PERSONAL, PUBLIC, Side, filled, send

# What docs/operations.md promises where several processes remember a session.
BOUND = {"souk": 0, "rabbitmq": 5, "kafka": 5}
ME = "/api/v1/users/me"
# Each is remembered by another service.
WARM = (ME, "/api/v1/orders", "/api/v1/vendors/me", "/api/v1/vendor/products", "/api/v1/notifications",
        "/api/v1/ledger/balance")

# What a suspended vendor may not do: the body, and whose version it names.
PRODUCT, VARIANT = "/api/v1/products/{product}", "/api/v1/products/{product}/variants/{variant}"
NEW_VARIANT = {"sku": "NEW", "attributes": {"size": "L"}, "price": gbp(1)}
EDITS = {
    "PATCH /api/v1/vendors/me": ("/api/v1/vendors/me", {"name": "Renamed"}, "vendor"),
    "POST /api/v1/stores": ("/api/v1/stores", {"name": "Another"}, None),
    "PATCH /api/v1/stores/{id}": ("/api/v1/stores/{store}", {"name": "Renamed"}, "store"),
    "PUT /api/v1/stores/{id}/inventory": (
        "/api/v1/stores/{store}/inventory", {"items": [{"sku": "THING", "on_hand": 45}]}, None),
    "POST /api/v1/stores/{id}/inventory/adjustments": (
        "/api/v1/stores/{store}/inventory/adjustments", {"sku": "THING", "delta": 1, "reason": "found"}, None),
    "POST /api/v1/products": ("/api/v1/products", {"name": "New", "variants": [NEW_VARIANT]}, None),
    "PATCH /api/v1/products/{id}": (PRODUCT, {"name": "Renamed"}, "product"),
    "POST /api/v1/products/{id}/variants": (f"{PRODUCT}/variants", NEW_VARIANT, None),
    "PATCH /api/v1/products/{id}/variants/{variant_id}": (VARIANT, {"price": gbp(1)}, "product"),
    "DELETE /api/v1/products/{id}/variants/{variant_id}": (VARIANT, None, None),
    "GET /api/v1/vendor/products": ("/api/v1/vendor/products", None, None),
}
# What it still may: see what is its own, send what was paid for, decide returns; and what anybody may who has an account.
KEPT = {
    "GET /api/v1/vendors/me", "GET /api/v1/vendors/me/stores", "GET /api/v1/stores/{id}/inventory",
    "GET /api/v1/stores/{id}/inventory/movements", "GET /api/v1/products/{id}", "GET /api/v1/vendor-orders",
    "GET /api/v1/vendor-orders/{id}", "POST /api/v1/vendor-orders/{id}/accept",
    "POST /api/v1/vendor-orders/{id}/shipments", "POST /api/v1/vendor-orders/{id}/shipments/{shipment_id}/deliver",
    "GET /api/v1/returns", "GET /api/v1/returns/{id}", "POST /api/v1/returns/{id}/approve",
    "POST /api/v1/returns/{id}/reject", "GET /api/v1/ledger/balance", "GET /api/v1/ledger/entries",
    "POST /api/v1/vendors",  # refused: there is one
}
OWNED_ROUTES = {case.route for case in OWNED}
BUYING = ("/cart", "/checkout", "/orders", "/payments", "/notifications", "/users/me", "/auth/email", "/vendor-orders/{id}/returns")


@pytest.fixture(scope="module")
def routes(binary) -> list[str]:
    out = subprocess.run([binary, "routes"], capture_output=True, text=True, timeout=30, check=True).stdout
    return [line for line in out.splitlines() if re.match(r"[A-Z]+ /", line)]


@pytest.fixture(scope="module")
def world(private):
    with private("authority") as server:
        market = Market(server, patience=20)
        yield market, Side(market)
        market.assert_books_balance()


def state(market: Market, ids: dict) -> dict:
    """What an administrator and the public see, once what was done before has had its effects."""
    market.settle()
    paths = ("orders/{order}", "orders/{unpaid}", "payments/{payment}", "users/{user}", "vendors?size=100",
             "vendor-orders?size=100", "inventory/summary?size=100", "commissions", "events")
    looks = ["admin/" + path for path in paths] + [
        "categories", "products/{product}", "products/{draft}", "stores/{store}"]
    answers = {p: market.admin.call("GET", "/api/v1/" + p.format(**ids), expect=(404,)) for p in looks}
    return {path: (reply.status, reply.json.get("data")) for path, reply in answers.items()}


def own(client: Client) -> dict:
    """What a customer sees of its own."""
    return {p: client.get(f"/api/v1/{p}").data for p in ("cart", "orders", "notifications", "returns")}


def warm(*clients: Client) -> None:
    for client in clients:
        for path in WARM:
            assert send(client, "GET", path).status < 500 and client.token


def admin_path(route: str, ids: dict) -> tuple[str, str]:
    def parameter(name: str) -> str:
        key = ADMIN_IDS.get(name) or next(v for k, v in ADMIN_IDS.items() if k in route)
        return ids.get(key, key)

    method, path = re.sub(r"\{(\w+)\}", lambda m: parameter(m[1]), route).split()
    return method, path


def of_users(route: str, ids: dict) -> tuple[str, ...]:
    """The path with ids that are the caller's: what is refused is refused for the caller."""
    case = next((case for case in OWNED if case.route == route), None)
    return (case.method, case.path(*(ids[name] for name in case.names))) if case else tuple(route.split())


def new_admin(market: Market) -> Client:
    """Somebody who is made an administrator while logged in: the token is of before."""
    client = market.shopper()
    client.get(ME)
    market.admin.put(f"/api/v1/admin/users/{client.get(ME).data['id']}/roles/admin")
    return client


def user_id(client: Client) -> str:
    return client.get(ME).data["id"]


def end_sessions(market: Market, client: Client) -> Client:
    """The account's password is changed by another of its sessions; gives that one."""
    other = Client(client.url, client.email, client.password, client.patience)
    other.patch(ME, {"password": "quite another secret", "current_password": client.password})
    other.password = "quite another secret"
    return other


# -- The tables are whole

def test_every_route_is_in_a_table(routes):
    of_vendors = set(EDITS) | KEPT
    others = (OWNED_ROUTES | PERSONAL) - of_vendors
    assert not [r for r in others if not any(part in r for part in BUYING)], "may a suspended vendor do this?"
    known = of_vendors | others | set(PUBLIC)
    new = [r for r in routes if r not in known and " /api/v1/admin/" not in r]
    assert not new, f"who may lose the authority for these, and how? {new}"
    assert not of_vendors - set(routes), "routes that are gone"


# -- Administrators: at once in every set-up

LOSSES_OF_ADMINS = {"role": (403, "auth.forbidden"), "account": (403, "auth.account_inactive"),
                    "session": (401, "token.session_ended")}


@pytest.mark.parametrize("loss", LOSSES_OF_ADMINS)
def test_an_admin_who_was_one(world, routes, loss):
    market, side = world
    admin = new_admin(market)
    account = f"/api/v1/admin/users/{user_id(admin)}"
    admin_routes = [r for r in routes if " /api/v1/admin/" in r]
    assert len(admin_routes) >= 30
    for path in ("users", "orders", "payments/" + side.ids["payment"], "vendors", "categories", "events"):
        # In the memory of every service, which may have seen the customer first; categories are only written by admins.
        wait_until(path, lambda: send(admin, "GET", f"/api/v1/admin/{path}").status in (200, 405), 2 * max(BOUND.values()))
    if loss == "role":
        market.admin.delete(f"{account}/roles/admin")
    elif loss == "account":
        market.admin.patch(account, {"active": False})
    else:
        end_sessions(market, admin)
    # No waiting: these ask the database.
    own_role = send(admin, "PUT", f"{account}/roles/admin")
    assert (own_role.status, own_role.json["code"]) == LOSSES_OF_ADMINS[loss]
    before = state(market, side.ids)
    for route in admin_routes:
        method, path = admin_path(route, side.ids)
        reply = send(admin, method, path, {"reason": "why not"} if method in ("POST", "PATCH", "PUT") else None)
        assert (reply.status, reply.json["code"]) == LOSSES_OF_ADMINS[loss], f"{route}: {reply.raw[:300]}"
    assert state(market, side.ids) == before
    if loss == "session":
        market.admin.delete(f"{account}/roles/admin")


def test_a_role_that_is_given_needs_no_new_token(world):
    market, _ = world
    user = market.shopper()
    mine = f"/api/v1/admin/users/{user_id(user)}"
    token = user.token
    assert send(user, "GET", "/api/v1/admin/users").status == 403
    for _ in range(3):
        market.admin.put(f"{mine}/roles/admin")
        wait_until(
            "the role to work", lambda: send(user, "GET", "/api/v1/admin/users").status == 200, max(BOUND.values()))
        market.admin.delete(f"{mine}/roles/admin")
        assert send(user, "GET", "/api/v1/admin/users").status == 403
    assert user.token == token


def test_a_removed_admin_does_not_come_back(world):
    """He grants himself the role as fast as he can, before, while and after it is taken."""
    market, _ = world
    for _ in range(5):
        admin = new_admin(market)
        path = f"/api/v1/admin/users/{user_id(admin)}/roles/admin"
        wait_until("the role to work", lambda: send(admin, "PUT", path).status == 204, max(BOUND.values()))
        with ThreadPoolExecutor(9) as pool:
            grants = [pool.submit(send, admin, "PUT", path) for _ in range(24)]
            removed = pool.submit(market.admin.delete, path)
        assert removed.result().status == 204 and {g.result().status for g in grants} <= {204, 403}
        assert market.admin.get(path.removesuffix("/roles/admin")).data["roles"] == ["customer"]
        assert send(admin, "PUT", path).status == 403


# -- Users: at once in one process, within the bound in several

@pytest.mark.parametrize("loss", ["account", "session"])
def test_a_user_who_was_one(private, setup, routes, loss):
    expected = {"account": (403, "auth.account_inactive"), "session": (401, "token.session_ended")}[loss]
    with private(f"lost-{loss}") as server:
        market = Market(server, patience=20)
        side = Side(market)
        warm(side.customer, side.vendor)
        accounts = {client: f"/api/v1/admin/users/{user_id(client)}" for client in (side.customer, side.vendor)}
        had = own(side.customer)
        back = side.customer
        for client, account in accounts.items():
            if loss == "account":
                market.admin.patch(account, {"active": False})
            else:
                other = end_sessions(market, client)
                back = other if client is side.customer else back
        time.sleep(BOUND[setup])
        before = state(market, side.ids)
        for route in routes:
            if " /api/v1/admin/" in route or route in PUBLIC:
                continue
            method, path = of_users(route, side.ids)
            for client in accounts:
                reply = send(client, method, path, {} if method in ("POST", "PATCH", "PUT") else None)
                assert (reply.status, reply.json["code"]) == expected, f"{route}: {reply.status} {reply.raw[:300]}"
        assert state(market, side.ids) == before
        if loss == "account":
            for client, account in accounts.items():
                market.admin.patch(account, {"active": True})
                client.token = None
            time.sleep(BOUND[setup])
        assert own(back) == had


# -- Vendors: at once in every set-up

def test_a_vendor_that_is_suspended(world):
    market, _ = world
    side = Side(market)
    vendor, ids = side.vendor, side.ids
    warm(vendor)
    versions = {
        "vendor": vendor.get("/api/v1/vendors/me").headers["etag"],
        "store": vendor.get(f"/api/v1/stores/{ids['store']}").headers["etag"],
        "product": vendor.get(f"/api/v1/products/{ids['product']}").headers["etag"],
    }
    decisions = f"/api/v1/admin/vendors/{ids['vendor']}"
    market.admin.post(f"{decisions}/suspend")
    # No waiting: the vendor service says so each time.
    for attempt in range(2):
        before = state(market, ids) if attempt else None
        for route, (path, body, version) in EDITS.items():
            method = route.split()[0]
            headers = {"If-Match": versions[version]} if version else {}
            reply = send(vendor, method, path.format(**ids), filled(body, ids), **headers)
            assert reply.status == 403, f"{route}: {reply.status} {reply.raw[:300]}"
        assert before is None or state(market, ids) == before
    cases = {case.route: case for case in OWNED}
    for route in sorted(KEPT - {"POST /api/v1/vendors"}):
        method, path = of_users(route, ids)
        case = cases.get(route)
        reply = send(vendor, method, path, filled(case.body, ids) if case else None)
        assert reply.status < 300, f"{route}: {reply.status} {reply.raw[:300]}"
    market.admin.post(f"{decisions}/reinstate")
    reply = send(vendor, "PATCH", PRODUCT.format(**ids), {"name": "Renamed"}, **{"If-Match": versions["product"]})
    assert reply.status == 200, reply.raw[:300]


def test_the_vendor_role_is_the_vendor_accounts(world):
    market, side = world
    path = f"/api/v1/admin/users/{user_id(side.vendor)}/roles/vendor"
    for method in ("PUT", "DELETE"):
        reply = send(market.admin, method, path)
        assert (reply.status, reply.json["code"]) == (409, "role.follows_vendor")
