"""A storm of checkouts through the public API: shops are opened, and shoppers buy, pay, decline, cancel, walk away, give up."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from souk_client import RETRIED_STATUSES, ApiError, Client, Unreachable

from .journal import Journal, Purchase

ADDRESS = {"name": "Ada Marlow", "line1": "1 Storm Street", "city": "London", "postal_code": "E1 6AN", "country": "GB"}
SHOPS, GOODS = 4, 5
# What shoppers mean to do, and how often in a hundred.
INTENTS = {
    "pay": 70, "pay twice": 5, "decline": 5, "walk away": 5, "cancel unpaid": 5, "cancel paid": 4, "time out": 3,
    "time out and come again": 3}
# One of a shop's goods is scarce: less of it is there than is asked for.
SCARCE_SHARE = 0.4
# Refused for a while with a wrong clock somewhere: who may come in can't be told then.
NOT_FOR_NOW = {401, 403}


class Shop:
    def __init__(self, client: Client, vendor: str, store: str):
        self.client, self.vendor, self.store = client, vendor, store
        # SKU → variant id and price.
        self.goods: dict[str, tuple[str, int]] = {}


class Storm:
    """`checkouts` purchases by `workers` shoppers at a time.

    What each purchase is to be depends on the seed and its number alone. `gate(number)` is asked before each: it may wait, and
    ends the storm where it gives false.
    """

    def __init__(self, admin: Client, seed: int, checkouts: int, workers: int, journal: Journal,
                 gate=lambda number: True, patience: float = 240.0, name: str = "storm"):
        self.admin, self.seed, self.checkouts, self.workers = admin, seed, checkouts, workers
        self.journal, self.gate, self.patience, self.name = journal, gate, patience, name
        self.shops: list[Shop] = []
        self.shoppers: list[list[Client]] = []
        self.lock = threading.Lock()
        self.started = self.done = 0
        self.failures: list[str] = []

    # -- before

    def prepare(self) -> None:
        """Opens shops and signs shoppers up; nothing is broken yet."""
        with ThreadPoolExecutor(4) as pool:
            self.shops = list(pool.map(self.open_shop, range(SHOPS)))
            each = max(2, self.checkouts // (self.workers * 50))
            self.shoppers = [
                list(pool.map(lambda n, w=worker: self.enrol(f"{self.name}-{w}-{n}"), range(each)))
                for worker in range(self.workers)]

    def enrol(self, name: str) -> Client:
        client = Client(self.admin.url, f"{name}@{self.name}.example", f"password of {name}", self.patience)
        client.register(name.title())
        return client

    def open_shop(self, index: int) -> Shop:
        name = f"{self.name}-shop-{index}"
        client = self.enrol(name)
        vendor = client.post("/api/v1/vendors", {"name": name, "slug": name}).data["id"]
        self.admin.post(f"/api/v1/admin/vendors/{vendor}/approve")
        shop = Shop(client, vendor, client.post("/api/v1/stores", {"name": name, "slug": name}).data["id"])
        demand = 1.5 * 1.8 * self.checkouts / (SHOPS * GOODS)
        items = []
        for number in range(GOODS):
            sku, price = f"{self.name}-{index}-{number}", 199 + 350 * number + 7 * index
            variant = {"sku": sku, "attributes": {}, "price": {"amount": price, "currency": "GBP"}}
            product = client.post(
                "/api/v1/products", {"name": f"Thing {sku}", "status": "published", "variants": [variant]}, key=f"list-{sku}").data
            shop.goods[sku] = (product["variants"][0]["id"], price)
            count = max(3, int(demand * SCARCE_SHARE)) if number == 0 else int(demand * 4) + 20
            items.append({"sku": sku, "on_hand": count})
            self.journal.stocked[(shop.store, sku)] = count
        client.put(f"/api/v1/stores/{shop.store}/inventory", {"items": items}, key=f"stock-{shop.store}")
        return shop

    # -- the storm

    def run(self) -> None:
        with ThreadPoolExecutor(self.workers) as pool:
            for finished in [pool.submit(self.shop, worker) for worker in range(self.workers)]:
                finished.result()

    def shop(self, worker: int) -> None:
        turns = 0
        while True:
            with self.lock:
                if self.started >= self.checkouts:
                    return
                number = self.started
                self.started += 1
            if not self.gate(number):
                return
            mine = self.shoppers[worker]
            try:
                self.buy(number, mine[turns % len(mine)])
            except (ApiError, Unreachable) as error:
                with self.lock:
                    self.failures.append(f"checkout {number}: {error}")
            turns += 1
            with self.lock:
                self.done += 1

    def buy(self, number: int, client: Client) -> None:
        rng = random.Random(f"{self.seed}/{number}")
        intent = rng.choices(list(INTENTS), list(INTENTS.values()))[0]
        items = self.choose(rng)
        total = sum(price * count for _, _, price, count in items)
        purchase = Purchase(f"{self.name}-{self.seed}-{number}", intent, {sku: count for _, sku, _, count in items}, total)
        self.journal.add(purchase)
        if intent.startswith("time out"):
            # Somebody of their own: what comes of an unanswered checkout may come after the next cart is filled.
            client = self.patiently(lambda: self.enrol(f"{self.name}-{number}-hasty"))
        purchase.customer = client.email
        self.patiently(lambda: client.put("/api/v1/cart/items", {"items": [
            {"variant_id": variant, "store_id": store, "quantity": count} for (store, variant), _, _, count in items]}))
        body = {"shipping_address": ADDRESS, "expected_total": {"amount": total, "currency": "GBP"}}
        if intent.startswith("time out"):
            self.ask_once(client, purchase, body, rng.choice([0.02, 0.05, 0.1, 0.3]))
            if intent == "time out":
                return
        order = self.check_out(client, purchase, body)
        if order:
            self.go_on(client, purchase, order, intent)

    def choose(self, rng: random.Random) -> list[tuple]:
        """((store, variant), SKU, price, count) of one to three goods of one or two shops."""
        chosen = []
        for shop in rng.sample(self.shops, rng.choice([1, 1, 2])):
            for sku in rng.sample(sorted(shop.goods), rng.choice([1, 1, 2])):
                variant, price = shop.goods[sku]
                chosen.append(((shop.store, variant), sku, price, rng.randint(1, 2)))
        return chosen

    def check_out(self, client: Client, purchase: Purchase, body: dict) -> dict | None:
        try:
            order = self.patiently(lambda: client.post("/api/v1/checkout", body, key=purchase.key)).data
        except ApiError as error:
            purchase.refusal = error.code or str(error.status)
            return None
        purchase.orders.append(order["id"])
        return order

    def go_on(self, client: Client, purchase: Purchase, order: dict, intent: str) -> None:
        cancel = f"/api/v1/orders/{order['id']}/cancel"
        if intent == "cancel unpaid":
            purchase.cancelled = self.patiently(lambda: client.call("POST", cancel, expect=(409,))).status < 300
        elif intent == "decline":
            self.decide(client, order, "decline")
        elif intent != "walk away":
            purchase.paid = self.decide(client, order, "success")
            if intent == "pay twice":
                self.decide(client, order, "success")
            elif intent == "cancel paid":
                purchase.cancelled = self.patiently(lambda: client.call("POST", cancel, expect=(409,))).status < 300

    def decide(self, client: Client, order: dict, outcome: str) -> bool:
        """Whether the provider took the decision; it refuses one that comes too late."""
        url = (order.get("payment") or {}).get("pay_url")
        if not url:
            return False
        path = url[url.index("/", 8):]
        reply = self.patiently(lambda: client.call("POST", path, {"outcome": outcome}, expect=(409, 410)))
        return reply.status < 300

    # -- ways to ask

    def patiently(self, ask):
        """Asks again what was refused because nobody could tell who asks."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return ask()
            except ApiError as error:
                if error.status not in NOT_FOR_NOW | RETRIED_STATUSES or time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def ask_once(self, client: Client, purchase: Purchase, body: dict, seconds: float) -> None:
        """Asks and does not wait for long: whatever comes of it, the shopper doesn't hear of it."""
        connection = http.client.HTTPConnection(client.host, client.port, timeout=seconds)
        headers = {
            "Content-Type": "application/json", "Idempotency-Key": purchase.key,
            "Authorization": f"Bearer {client.token or self.patiently(client.sign_in)}"}
        try:
            connection.request("POST", "/api/v1/checkout", json.dumps(body), headers)
            reply = connection.getresponse()
            answer = json.loads(reply.read() or b"{}")
            if reply.status < 300:
                purchase.orders.append(answer["data"]["id"])
        except (OSError, ValueError, http.client.HTTPException):
            purchase.timeouts += 1
        finally:
            connection.close()
