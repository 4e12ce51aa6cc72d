"""Trades invoices through the public API: every step looks at what the server has and does only what is missing."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from souk_client import wait_until

from .invoices import Book, Invoice
from .market import Market

ADDRESS = {"line1": "1 Replay Street", "city": "London", "postal_code": "E1 6AN"}
COUNTRIES = {
    "United Kingdom": "GB", "France": "FR", "Australia": "AU", "Netherlands": "NL", "Germany": "DE", "Norway": "NO",
    "EIRE": "IE", "Switzerland": "CH", "Spain": "ES", "Poland": "PL", "Portugal": "PT", "Italy": "IT",
    "Belgium": "BE", "Lithuania": "LT", "Japan": "JP", "Iceland": "IS", "Channel Islands": "JE", "Denmark": "DK",
    "Cyprus": "CY", "Sweden": "SE", "Austria": "AT", "Israel": "IL", "Finland": "FI", "Greece": "GR",
    "Singapore": "SG", "Lebanon": "LB", "United Arab Emirates": "AE", "Saudi Arabia": "SA", "Czech Republic": "CZ",
    "Canada": "CA", "Brazil": "BR", "USA": "US", "Bahrain": "BH", "Malta": "MT", "RSA": "ZA", "Hong Kong": "HK",
}


def trade(market: Market, book: Book, workers: int, progress, customer=None) -> None:
    """A customer's invoices are traded in their order, because a cart belongs to a customer; customers in parallel.

    `customer` makes one of a market and a name; left out, it is `Customer`.
    """
    queues: dict[str, list[Invoice]] = defaultdict(list)
    for invoice in book.invoices:
        queues[invoice.customer].append(invoice)
    ordered = sorted(queues.values(), key=lambda queue: (-len(queue), queue[0].time))
    total, done, lock, started = len(book.invoices), 0, threading.Lock(), time.monotonic()

    def work(queue: list[Invoice]) -> None:
        nonlocal done
        trader = (customer or Customer)(market, queue[0].customer)
        for invoice in queue:
            trader.replay(invoice)
            with lock:
                done += 1
                progress("invoices", done, total, started)

    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, ordered):
            pass


class Customer:
    def __init__(self, market: Market, name: str):
        self.market, self.client = market, market.customers[name]
        self.vendors = market.vendor_by_id()
        self.name = name

    def replay(self, invoice: Invoice) -> None:
        if invoice.is_cancellation:
            self.give_back(invoice)
        else:
            self.ship(self.pay(self.find(invoice.number) or self.buy(invoice)))

    def find(self, reference: str) -> dict | None:
        """The order of an invoice; one whose checkout is unfinished isn't found, and checking out again resumes it."""
        found = self.client.get("/api/v1/orders", reference=reference).data
        live = [order for order in found if order["status"] not in ("creating", "failed", "cancelled", "expired")]
        return self.order(live[0]["id"]) if live else None

    def order(self, order_id: str) -> dict:
        return self.client.get(f"/api/v1/orders/{order_id}").data

    def buy(self, invoice: Invoice, key: str | None = None) -> dict:
        """Checks out under `key`, the invoice's number when left out."""
        items = [
            {"variant_id": self.market.variant(sku), "store_id": self.market.vendor_for(sku).store,
             "quantity": quantity}
            for sku, quantity in sorted(invoice.quantities().items())]
        self.client.put("/api/v1/cart/items", {"items": items})
        body = {
            "shipping_address": {
                **ADDRESS, "name": f"Customer {self.name}", "country": COUNTRIES.get(invoice.country, "GB")},
            "reference": invoice.number,
            "expected_total": {"amount": sum(row.total for row in invoice.rows), "currency": "GBP"},
        }
        return self.client.post("/api/v1/checkout", body, key=key or invoice.number).data

    def pay(self, order: dict) -> dict:
        if order["status"] == "awaiting_payment":
            url = order["payment"]["pay_url"]
            self.client.call("POST", url[url.index("/", 8):], {"outcome": "success"}, expect=(409,))

        def paid():
            current = self.order(order["id"])
            return current if current["status"] != "awaiting_payment" else None

        return wait_until(f"order {order['number']} to be paid", paid, 90)

    def ship(self, order: dict) -> None:
        for part in order["parts"]:
            if part["status"] == "delivered":
                continue
            vendor = self.vendors[part["vendor_id"]].client
            path = f"/api/v1/vendor-orders/{part['vendor_order_id']}"
            current = wait_until(
                f"{path} to appear", lambda: vendor.call("GET", path, expect=(404,)).data, 90)
            if current["status"] == "new":
                current = vendor.post(f"{path}/accept").data
            if current["status"] == "accepted":
                parcel = {"carrier": "Royal Mail", "tracking_number": f"RM{part['vendor_order_id'][-12:]}"}
                key = f"ship-{part['vendor_order_id']}"
                current = vendor.post(f"{path}/shipments", parcel, key=key).data
            current = vendor.get(path).data
            for shipment in current["shipments"]:
                if shipment["status"] != "delivered":
                    vendor.post(f"{path}/shipments/{shipment['id']}/deliver")

    # -- returns

    def give_back(self, invoice: Invoice) -> None:
        """Returns what a cancellation names, from the oldest parts that still hold it, and has it approved."""
        reason = f"Cancellation {invoice.number}"
        returns = list(self.client.pages("/api/v1/returns"))
        mine = [r for r in returns if r["reason"] == reason]
        wanted = invoice.quantities()
        for asked in mine:
            for line in asked["lines"]:
                wanted[line["sku"]] = wanted.get(line["sku"], 0) - line["quantity"]
        for part, lines in self.parts_holding(wanted, returns):
            path = f"/api/v1/vendor-orders/{part}/returns"
            key = f"{invoice.number}-{part}"
            mine.append(self.client.post(path, {"lines": lines, "reason": reason}, key=key).data)
        for asked in mine:
            if asked["status"] == "requested":
                vendor = self.vendors[asked["vendor_id"]].client
                vendor.post(f"/api/v1/returns/{asked['id']}/approve", {"restock": True})

    def parts_holding(self, wanted: dict[str, int], returns: list[dict]):
        """(vendor order id, lines) that cover `wanted`, the oldest orders first."""
        gone: dict[str, int] = defaultdict(int)
        for asked in returns:
            if asked["status"] != "rejected":
                for line in asked["lines"]:
                    gone[line["line_id"]] += line["quantity"]
        left = {sku: quantity for sku, quantity in wanted.items() if quantity > 0}
        orders = sorted(self.client.pages("/api/v1/orders"), key=lambda order: order["created_at"])
        for summary in orders:
            if not left:
                return
            if summary["status"] in ("failed", "cancelled", "expired"):
                continue
            chosen: dict[str, list[dict]] = defaultdict(list)
            for line in self.order(summary["id"])["lines"]:
                take = min(left.get(line["sku"], 0), line["quantity"] - gone[line["id"]])
                if take > 0:
                    chosen[line["vendor_order_id"]].append({"line_id": line["id"], "quantity": take})
                    left[line["sku"]] -= take
            left = {sku: quantity for sku, quantity in left.items() if quantity > 0}
            yield from sorted(chosen.items())
        if left:
            raise RuntimeError(f"customer {self.name} holds too little to give back: {left}")
