"""The replay of real invoices (`scripts/replay`) as a load: it is resumed until it is through, then its books are reconciled."""

from __future__ import annotations

import threading
import time

from replay.books import DEAD_STATES, Books, Finding
from replay.invoices import Book, Invoice, read_folder
from replay.market import Market
from replay.trade import Customer, trade
from souk_client import ApiError, Client, Unreachable


class Shopper(Customer):
    """A customer who orders anew what ended unpaid, as a wrong clock may have it, instead of asking again for the dead order."""

    def buy(self, invoice: Invoice) -> dict:  # type: ignore[override]  # it chooses the key
        former = [
            order for order in self.client.get("/api/v1/orders", reference=invoice.number).data if order["status"] in DEAD_STATES]
        number, ended = invoice.number, len([order for order in former if order["status"] != "creating"])
        key = f"{number}-{ended}" if ended else number
        return super().buy(invoice, key)

    def ship(self, order: dict) -> None:
        """Raises `RuntimeError` for an order that ended before its payment: it is bought anew at the next attempt."""
        if order["status"] in DEAD_STATES:
            raise RuntimeError(f"order {order['number']} is {order['status']}")
        super().ship(order)


class Invoices:
    """One folder of invoices, traded by `workers` customers at a time in a thread of its own."""

    def __init__(self, admin: Client, folder: str, workers: int = 2, seconds: float = 1800):
        self.book: Book = read_folder(folder)
        self.market = Market(admin.url, admin, secret="chaos", progress=lambda *_: None)
        self.workers, self.deadline = workers, time.monotonic() + seconds
        self.attempts, self.failure = 0, ""
        self.is_done = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def prepare(self) -> None:
        self.market.prepare(self.book)

    def run(self) -> None:
        while not self.is_done and time.monotonic() < self.deadline:
            self.attempts += 1
            try:
                trade(self.market, self.book, self.workers, lambda *_: None, customer=Shopper)
                self.is_done = True
            except (ApiError, Unreachable, RuntimeError) as error:
                self.failure = str(error)
                time.sleep(1)

    def findings(self, poisoned: int) -> list[Finding]:
        """What differs from sums taken from the files."""
        if not self.is_done:
            return [Finding("invoices traded", "all", f"not all after {self.attempts} attempts: {self.failure}")]
        return [finding for finding in ChaosBooks(self.market, self.book, poisoned).reconcile() if not finding.ok]


class ChaosBooks(Books):
    """The replay's books where others trade as well and dead letters were injected."""

    def __init__(self, market: Market, book: Book, poisoned: int):
        super().__init__(market, book)
        self.poisoned = poisoned

    def events(self) -> None:
        services = self.admin.get("/api/v1/admin/events").data
        self.check("outboxes", 0, sum(service["outbox_depth"] for service in services))
        self.check("dead letters", self.poisoned, sum(service["dead_letters"] for service in services))
