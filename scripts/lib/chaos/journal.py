"""What was asked for and what was answered, as the shoppers remember it: the checker holds the books against this."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Purchase:
    """One checkout, by its idempotency key."""

    key: str
    intent: str
    # SKU → quantity, and the sum in pence.
    wanted: dict[str, int]
    total: int
    customer: str = ""
    # Order ids of 2xx answers to this key; several only if something is wrong.
    orders: list[str] = field(default_factory=list)
    # The last answer that was no order: a problem's code.
    refusal: str | None = None
    # Requests that the client gave up waiting for.
    timeouts: int = 0
    # Whether the provider's pay page said that the money was taken.
    paid: bool = False
    cancelled: bool = False


class Journal:
    """Purchases of all shoppers, and the stock that was there before them."""

    def __init__(self):
        self.lock = threading.Lock()
        self.purchases: list[Purchase] = []
        # (store id, SKU) → pieces that were put on the shelf.
        self.stocked: dict[tuple[str, str], int] = {}
        self.unanswered: list[str] = []

    def add(self, purchase: Purchase) -> None:
        with self.lock:
            self.purchases.append(purchase)

    def outcomes(self) -> Counter:
        """How many checkouts were answered how."""
        counts: Counter = Counter()
        for purchase in self.purchases:
            given_up = "given up waiting" if purchase.timeouts else "never answered"
            counts["placed" if purchase.orders else purchase.refusal or given_up] += 1
        return counts
