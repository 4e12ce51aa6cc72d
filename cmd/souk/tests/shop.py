"""What the tests do over and over: open shops, list goods, buy, pay, ship."""

from __future__ import annotations

import itertools
import secrets

from souk_client import Client, wait_until
from souk_mail import Mailbox

ADDRESS = {"name": "Ada Marlow", "line1": "1 Test Street", "city": "London", "postal_code": "E1 6AN", "country": "GB"}


def gbp(amount: int) -> dict:
    return {"amount": amount, "currency": "GBP"}


class Shop:
    """A vendor with one open store."""

    def __init__(self, market: "Market", name: str):
        self.client = market.register(name)
        self.vendor = self.client.post("/api/v1/vendors", {"name": name, "slug": f"v-{name}"}).data
        market.admin.post(f"/api/v1/admin/vendors/{self.vendor['id']}/approve")
        self.store = self.client.post("/api/v1/stores", {"name": name, "slug": f"s-{name}"}).data
        self.serial = itertools.count(1)

    def sell(self, price: int = 1000, stock: int = 10, sku: str | None = None) -> dict:
        """Lists and publishes a product with one variant, and gives that variant."""
        sku = sku or f"SKU-{next(self.serial)}"
        body = {"name": f"Thing {sku}", "variants": [{"sku": sku, "attributes": {}, "price": gbp(price)}]}
        product = self.client.post("/api/v1/products", body).data
        self.client.patch(f"/api/v1/products/{product['id']}", {"status": "published"}, f'"{product["version"]}"')
        self.stock(sku, stock)
        return product["variants"][0] | {"product_id": product["id"]}

    def stock(self, sku: str, on_hand: int) -> None:
        path = f"/api/v1/stores/{self.store['id']}/inventory"
        self.client.put(path, {"items": [{"sku": sku, "on_hand": on_hand}]}, key=secrets.token_hex(8))

    def inventory(self, sku: str) -> dict:
        return self.client.get(f"/api/v1/stores/{self.store['id']}/inventory", sku=sku).data[0]

    def part(self, order: dict) -> dict:
        """This vendor's part of a paid order, once it has arrived."""
        mine = next(p for p in order["parts"] if p["vendor_id"] == self.vendor["id"])
        path = f"/api/v1/vendor-orders/{mine['vendor_order_id']}"
        reply = wait_until("the vendor order", lambda: (r := self.client.call("GET", path, expect=(404,))).status == 200 and r)
        return reply.data

    def ship(self, order: dict, lines: list | None = None) -> dict:
        part = self.part(order)
        path = f"/api/v1/vendor-orders/{part['id']}"
        self.client.post(f"{path}/accept")
        body = {"carrier": "Test Post", "tracking_number": "T1"} | ({"lines": lines} if lines else {})
        self.client.post(f"{path}/shipments", body, key=secrets.token_hex(8))
        return self.client.get(path).data

    def deliver(self, order: dict) -> dict:
        part = self.part(order)
        for shipment in part["shipments"]:
            self.client.post(f"/api/v1/vendor-orders/{part['id']}/shipments/{shipment['id']}/deliver")
        return self.client.get(f"/api/v1/vendor-orders/{part['id']}").data


class Market:
    """A marketplace as its admin and everybody else see it; `souk` is a server of any set-up."""

    def __init__(self, souk, patience: float = 30):
        self.souk, self.patience = souk, patience
        self.admin = Client(souk.url, "admin@souk.example", souk.admin_password, patience)
        self.anonymous = Client(souk.url, patience=patience)
        self.mail = Mailbox(souk.data / "mail")

    def register(self, name: str) -> Client:
        client = Client(self.souk.url, f"{name}@test.example", f"password of {name}", self.patience)
        client.register(name)
        return client

    def shop(self, name: str | None = None) -> Shop:
        return Shop(self, name or f"shop-{secrets.token_hex(4)}")

    def shopper(self) -> Client:
        return self.register(f"shopper-{secrets.token_hex(4)}")

    def order(self, client: Client, order_id: str) -> dict:
        return client.get(f"/api/v1/orders/{order_id}").data

    def checkout(self, client: Client, items: list[tuple[dict, int]], key: str | None = None, **more) -> dict:
        body = {"items": [{"variant_id": variant["id"], "quantity": quantity} for variant, quantity in items]}
        client.put("/api/v1/cart/items", body)
        return client.post(
            "/api/v1/checkout", {"shipping_address": ADDRESS, **more}, key=key or secrets.token_hex(8)).data

    def pay(self, client: Client, order: dict, outcome: str = "success", until: str | None = "paid") -> dict:
        url = order["payment"]["pay_url"]
        client.call("POST", url[url.index("/", 8):], {"outcome": outcome})
        return self.reaches(client, order, until) if until else order

    def reaches(self, client: Client, order: dict, status: str, seconds: float = 30) -> dict:
        def there():
            current = self.order(client, order["id"])
            return current if current["status"] == status else None
        return wait_until(f"order {order['number']} to be {status}", there, seconds)

    def buy(self, client: Client, items: list[tuple[dict, int]]) -> dict:
        return self.pay(client, self.checkout(client, items))

    def events(self) -> list[dict]:
        return self.admin.get("/api/v1/admin/events").data

    def settle(self) -> None:
        """Until every outbox is empty and every consumer has caught up.

        Services answer one after another, and an event on its way from one to the next can be missed by both, and once
        more on its second hop: they have to be idle three times in a row.
        """
        def are_idle() -> bool:
            return all(s.get("outbox_depth") == 0 and not any(s["lag"].values()) for s in self.events())
        wait_until("the events to be handled", lambda: all(are_idle() for _ in range(3)), 60)

    def assert_books_balance(self) -> None:
        verdict = self.admin.get("/api/v1/admin/ledger/verify").data
        assert verdict["balanced"], verdict
        assert sum(s["dead_letters"] for s in self.events()) == 0
