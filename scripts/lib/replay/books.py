"""Holds the server's books against sums taken straight from the files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from souk_client import wait_until

from .invoices import Book, vendor_of
from .market import Market

DEAD_STATES = ("creating", "failed", "cancelled", "expired")


@dataclass
class Finding:
    what: str
    expected: object
    found: object

    @property
    def ok(self) -> bool:
        return self.expected == self.found

    def __str__(self) -> str:
        if self.ok:
            return f"ok    {self.what}: {self.shown(self.found)}"
        return f"DIFF  {self.what}: expected {self.shown(self.expected)}, found {self.shown(self.found)}"

    @staticmethod
    def shown(value) -> str:
        return f"{value / 100:.2f}" if isinstance(value, Pence) else str(value)


class Pence(int):
    """An amount in pence, shown in pounds."""


class Books:
    def __init__(self, market: Market, book: Book):
        self.market, self.book, self.admin = market, book, market.admin
        self.findings: list[Finding] = []

    def reconcile(self) -> list[Finding]:
        self.settle()
        orders = self.paid_orders()
        self.rows()
        self.check("orders", len(self.book.orders), len(orders))
        self.revenue(orders)
        self.refunds(orders)
        self.stock()
        self.ledger(orders)
        self.notifications(orders)
        self.events()
        return self.findings

    def check(self, what: str, expected, found) -> None:
        self.findings.append(Finding(what, expected, found))

    def settle(self) -> None:
        """Waits until every event has been handled; what is left after two minutes shows up as a difference."""
        def quiet():
            return all(
                service.get("outbox_depth") == 0 and not any(service["lag"].values())
                for service in self.admin.get("/api/v1/admin/events").data)
        try:
            wait_until("the events to be handled", quiet, 120)
            wait_until("the refunds to be made", self.no_pending_refunds, 120)
            wait_until("the events to be handled", quiet, 120)
        except Exception as error:  # noqa: BLE001 - the difference is reported below, line by line
            self.check("settled", "yes", str(error))

    def no_pending_refunds(self) -> bool:
        refunded = sum(o["refunded"]["amount"] for o in self.paid_orders())
        return refunded == sum(row.total for i in self.book.cancellations for row in i.rows)

    # -- files

    def rows(self) -> None:
        self.check("rows accepted + rejected", self.book.read, self.book.accepted + self.book.rejected.total())

    # -- money

    def paid_orders(self) -> list[dict]:
        references = {invoice.number for invoice in self.book.orders}
        return [
            order for order in self.admin.pages("/api/v1/admin/orders")
            if order.get("reference") in references and order["status"] not in DEAD_STATES
            and order["status"] != "awaiting_payment"]

    def revenue(self, orders: list[dict]) -> None:
        days = {invoice.number: invoice.day for invoice in self.book.orders}
        expected_days, expected_vendors = self.sums(self.book.orders)
        found_days, found_vendors = Counter(), Counter()
        for order in orders:
            found_days[days[order["reference"]]] += order["total"]["amount"]
        ids = {order["id"] for order in orders}
        for vendor in self.market.vendors:
            for part in vendor.client.pages("/api/v1/vendor-orders"):
                if part["order_id"] in ids and part["status"] == "delivered":
                    found_vendors[vendor.index] += part["total"]["amount"]
        self.compare("revenue", expected_days, expected_vendors, found_days, found_vendors)

    def refunds(self, orders: list[dict]) -> None:
        days = {f"Cancellation {invoice.number}": invoice.day for invoice in self.book.cancellations}
        expected_days, expected_vendors = self.sums(self.book.cancellations)
        found_days, found_vendors, by_order = Counter(), Counter(), Counter()
        for vendor in self.market.vendors:
            query = {"status": "approved", "as": "vendor"}
            for asked in vendor.client.pages("/api/v1/returns", **query):
                if asked["reason"] in days:
                    found_days[days[asked["reason"]]] += asked["amount"]["amount"]
                    found_vendors[vendor.index] += asked["amount"]["amount"]
                    by_order[asked["order_id"]] += asked["amount"]["amount"]
        self.compare("refunds", expected_days, expected_vendors, found_days, found_vendors)
        wrong = [o["number"] for o in orders if o["refunded"]["amount"] != by_order[o["id"]]]
        self.check("orders whose refund is not that of their returns", [], wrong[:5])

    @staticmethod
    def sums(invoices) -> tuple[Counter, Counter]:
        days, vendors = Counter(), Counter()
        for invoice in invoices:
            for row in invoice.rows:
                days[invoice.day] += row.total
                vendors[vendor_of(row.code)] += row.total
        return days, vendors

    def compare(self, what: str, expected_days, expected_vendors, found_days, found_vendors) -> None:
        for day in sorted(expected_days | found_days):
            self.check(f"{what} on {day}", Pence(expected_days[day]), Pence(found_days[day]))
        for vendor in self.market.vendors:
            self.check(
                f"{what} of {vendor.name}", Pence(expected_vendors[vendor.index]), Pence(found_vendors[vendor.index]))

    def ledger(self, orders: list[dict]) -> None:
        verdict = self.admin.get("/api/v1/admin/ledger/verify").data
        self.check("ledger balanced", (True, []), (verdict["balanced"], verdict["differences"]))
        balances: Counter = Counter()
        for account in self.admin.pages("/api/v1/admin/ledger/accounts"):
            balances[account["account"]] += account["balance"]["amount"]
        held = sum(
            order["total"]["amount"] - order["refunded"]["amount"]
            for order in self.admin.pages("/api/v1/admin/orders") if order.get("paid_at"))
        self.check("ledger: held by the provider", Pence(held), Pence(balances["provider:sandbox"]))
        ours, gross = {order["id"] for order in orders}, 0
        for vendor in self.market.vendors:
            entries = list(vendor.client.pages("/api/v1/ledger/entries"))
            owed = sum(entry["amount"]["amount"] for entry in entries)
            self.check(f"ledger: owed to {vendor.name}", Pence(owed), Pence(balances[f"vendor:{vendor.id}"]))
            gross += sum(entry["gross"]["amount"] for entry in entries if entry["order_id"] in ours)
        taken = sum(order["total"]["amount"] - order["refunded"]["amount"] for order in orders)
        self.check("ledger: vendors' shares and commission on these orders", Pence(taken), Pence(gross))

    # -- goods, people, events

    def stock(self) -> None:
        sold, returned = self.book.sold(), self.book.returned()
        wrong, reserved = [], 0
        for vendor in self.market.vendors:
            for item in vendor.client.pages(f"/api/v1/stores/{vendor.store}/inventory"):
                if item["sku"] in sold:
                    reserved += item["reserved"]
                    if item["on_hand"] != returned[item["sku"]]:
                        wrong.append((item["sku"], item["on_hand"], returned[item["sku"]]))
        self.check("stock: SKUs that do not hold just what was returned", [], wrong[:5])
        self.check("stock still reserved", 0, reserved)
        stores = self.admin.get("/api/v1/admin/inventory/summary").data
        self.check("stock: stores whose movements do not sum to what is there", [], [
            store["store_name"] for store in stores if store["on_hand"] != store["movements"]])

    def notifications(self, orders: list[dict]) -> None:
        expected = Counter(invoice.customer for invoice in self.book.orders)
        paid_ids = {order["id"] for order in orders}
        wrong = []
        for customer, client in self.market.customers.items():
            told = [
                n["subject"]["order_id"] for n in client.pages("/api/v1/notifications", kind="order.paid")
                if n["subject"]["order_id"] in paid_ids]
            if len(told) != expected[customer] or len(set(told)) != len(told):
                wrong.append((customer, expected[customer], len(told)))
        self.check("customers without just one notification per paid order", [], wrong[:5])

    def events(self) -> None:
        services = self.admin.get("/api/v1/admin/events").data
        self.check("outboxes", 0, sum(s["outbox_depth"] for s in services))
        self.check("dead letters", 0, sum(s["dead_letters"] for s in services))
