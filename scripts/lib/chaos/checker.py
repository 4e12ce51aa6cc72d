"""Judges the books after a run: every rule that must hold whatever was done to the processes.

A rule looks at all books and at what shoppers remember, and gives a sentence for each case in which it is broken. The rules
are proven by mutants (cmd/souk/tests/test_chaos.py): books that were tampered with must not pass.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .books import Books, unhandled
from .journal import Journal

PAID = {"paid", "partially_shipped", "shipped", "delivered"}
ENDED = {"cancelled", "expired", "failed"}
OPEN = {"creating", "awaiting_payment", "cancelling"}
# How long after its deadline an order may take to end: the job's interval and the peers' answers.
GRACE_SECONDS = 60


@dataclass
class Case:
    """What is judged: the books, what shoppers remember, and what was put in on purpose."""

    books: Books
    journal: Journal
    poisoned: set[str] = field(default_factory=set)
    accepted_forgeries: list[str] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)
    now: float = field(default_factory=time.time)

    def __post_init__(self):
        self.orders = {order["id"]: order for order in self.books.orders}
        self.users = {user["email"]: user["id"] for user in self.books.customers}
        self.by_key = {(order["customer_id"], order["idempotency_key"]): order for order in self.books.orders}
        self.charges = defaultdict(list)
        for charge in self.books.charges:
            self.charges[charge["order_id"]].append(charge)
        self.told = Counter((row["order_id"], row["kind"]) for row in self.books.notifications)
        self.events = Counter(
            (event["key"], event["type"]) for event in self.books.events if event["event_id"] not in self.poisoned)

    def status(self, order_id: str) -> str:
        """Of an order that somebody names; `unknown` if there is none."""
        return self.orders[order_id]["status"] if order_id in self.orders else "unknown"


@dataclass(frozen=True)
class Violation:
    rule: str
    what: str

    def __str__(self) -> str:
        return f"VIOLATION {self.rule}: {self.what}"


RULES: dict[str, tuple[str, Callable[[Case], Iterator[str]]]] = {}


def rule(name: str, promise: str):
    def register(look):
        RULES[name] = (promise, look)
        return look
    return register


def judge(case: Case) -> list[Violation]:
    return [Violation(name, what) for name, (_, look) in RULES.items() for what in look(case)]


# -- checkouts


@rule("exists", "every checkout that was answered with 2xx exists, with what was asked for")
def exists(case: Case):
    lines = defaultdict(Counter)
    for line in case.books.lines:
        lines[line["order_id"]][line["sku"]] += line["quantity"]
    for purchase in case.journal.purchases:
        for order_id in purchase.orders:
            order = case.orders.get(order_id)
            if order is None:
                yield f"order {order_id} of key {purchase.key} was answered and is gone"
            elif (order["idempotency_key"], order["customer_id"]) != (purchase.key, case.users.get(purchase.customer)):
                yield f"order {order_id} is not the one of key {purchase.key}"
            elif order["total_amount"] != purchase.total or dict(lines[order_id]) != purchase.wanted:
                yield (f"order {order_id} is over {order['total_amount']} and {dict(lines[order_id])},"
                       f" not {purchase.total} and {purchase.wanted}")
    for (email, user) in ((p.customer, case.users.get(p.customer)) for p in case.journal.purchases if p.customer):
        if user is None:
            yield f"customer {email} signed up and is gone"


@rule("once", "a key has at most one order, and one that the client gave up waiting for has one effect or none")
def once(case: Case):
    for row in case.books.order_keys:
        if row["orders"] > 1:
            yield f"key {row['key']} has {row['orders']} orders"
    for purchase in case.journal.purchases:
        if len(set(purchase.orders)) > 1:
            yield f"key {purchase.key} was answered with several orders: {purchase.orders}"
        if not purchase.timeouts:
            continue
        order = case.by_key.get((case.users.get(purchase.customer), purchase.key))
        if order and purchase.orders and order["id"] not in purchase.orders:
            yield f"key {purchase.key} was answered with {purchase.orders}, its order is {order['id']}"
        if order and order["status"] in OPEN and case.now > order["expires_at"] / 1e6 + GRACE_SECONDS:
            yield f"key {purchase.key}, given up by its client, left order {order['id']} {order['status']}"


@rule("deadline", "no order is unfinished past its deadline, and no saga goes on without an unfinished order")
def deadline(case: Case):
    for order in case.books.orders:
        if order["status"] in OPEN and case.now > order["expires_at"] / 1e6 + GRACE_SECONDS:
            late = case.now - order["expires_at"] / 1e6
            yield f"order {order['id']} is {order['status']} {late:.0f} s after its deadline"
    for saga in case.books.sagas:
        if case.status(saga["order_id"]) not in OPEN:
            yield f"saga of order {saga['order_id']} stands at {saga['step']}: {saga['last_error']}"


# -- money


@rule("charge", "at most one successful charge per order and per key, over the order's total")
def charge(case: Case):
    per_key = Counter()
    for order_id, charges in case.charges.items():
        taken = [charge for charge in charges if charge["captured"]]
        order = case.orders.get(order_id)
        if len(taken) > 1:
            yield f"order {order_id} was charged {len(taken)} times"
        for each in taken:
            if order is None:
                if each["refunded"] != each["captured"]:
                    yield f"charge {each['reference']} is for order {order_id}, which doesn't exist, and was not given back"
                continue
            per_key[order["customer_id"], order["idempotency_key"]] += 1
            if each["captured"] != order["total_amount"]:
                yield f"order {order_id} over {order['total_amount']} was charged {each['captured']}"
    for (_, key), count in per_key.items():
        if count > 1:
            yield f"key {key} was charged {count} times"


@rule("paid", "an order is paid if and only if its payment was captured; what was captured for an ended order went back")
def paid(case: Case):
    intents = {intent["order_id"]: intent for intent in case.books.intents}
    for order in case.books.orders:
        captured = sum(charge["captured"] for charge in case.charges[order["id"]])
        refunded = sum(charge["refunded"] for charge in case.charges[order["id"]])
        intent = intents.get(order["id"])
        if order["status"] in PAID and captured == 0:
            yield f"order {order['id']} is {order['status']} and the provider has no money"
        if order["status"] in OPEN and captured:
            yield f"order {order['id']} is {order['status']} and the provider has {captured}"
        if order["status"] in ENDED and captured != refunded:
            yield f"order {order['id']} is {order['status']} and the provider keeps {captured - refunded}"
        if order["refunded_amount"] != refunded:
            yield f"order {order['id']} says that {order['refunded_amount']} went back, the provider says {refunded}"
        said = (intent["captured"], intent["refunded"]) if intent else (0, 0)
        if said != (captured, refunded):
            yield f"payment of order {order['id']} says {said} captured and refunded, the provider ({captured}, {refunded})"
    for purchase in case.journal.purchases:
        for order_id in set(purchase.orders) if purchase.paid else ():
            if not any(charge["captured"] for charge in case.charges[order_id]):
                yield f"order {order_id} was paid on the provider's page, and the provider has no money"


@rule("ledger", "every transaction and every currency sums to zero, and the provider's account is what the provider has")
def ledger(case: Case):
    per_transaction, per_currency, per_account = Counter(), Counter(), Counter()
    for entry in case.books.ledger:
        per_transaction[entry["transaction_id"], entry["currency"]] += entry["amount"]
        per_currency[entry["currency"]] += entry["amount"]
        per_account[entry["account"], entry["currency"]] += entry["amount"]
    for (transaction, currency), total in per_transaction.items():
        if total:
            yield f"transaction {transaction} sums to {total} {currency}"
    for currency, total in per_currency.items():
        if total:
            yield f"the ledger sums to {total} {currency}"
    for row in case.books.balances:
        if row["balance"] != per_account[row["account"], row["currency"]]:
            yield f"balance of {row['account']} is {row['balance']}, its entries sum to {per_account[row['account'], row['currency']]}"
    held = sum(charge["captured"] - charge["refunded"] for charge in case.books.charges)
    booked = sum(total for (account, _), total in per_account.items() if account == "provider:sandbox")
    if held != booked:
        yield f"the provider holds {held}, the ledger says {booked}"
    posted = Counter((row["kind"], row["reference"]) for row in case.books.transactions)
    for intent in case.books.intents:
        if posted["capture", intent["id"]] != (1 if intent["state"] == "captured" else 0):
            yield f"payment {intent['id']} is {intent['state']} and has {posted['capture', intent['id']]} captures in the ledger"


# -- stock


@rule("stock", "sold + reserved + available = initial, none of them negative, and nothing is held for an order that has ended")
def stock(case: Case):
    moved, held, sold = defaultdict(Counter), Counter(), Counter()
    for row in case.books.movements:
        moved[row["store_id"], row["sku"]][row["reason"]] = row["delta"]
    for row in case.books.reservations:
        if row["state"] == "held":
            held[row["store_id"], row["sku"]] += row["quantity"]
            if case.status(row["order_id"]) not in OPEN | PAID:
                yield f"{row['quantity']} of {row['sku']} are held for order {row['order_id']}, which has ended"
    for row in case.books.sold:
        sold[row["store_id"], row["sku"]] = row["quantity"]
    for row in case.books.inventory:
        key, on_hand, reserved = (row["store_id"], row["sku"]), row["on_hand"], row["reserved"]
        if on_hand < 0 or reserved < 0 or reserved > on_hand:
            yield f"{row['sku']}: {on_hand} on hand, {reserved} reserved"
        if on_hand != sum(moved[key].values()):
            yield f"{row['sku']}: {on_hand} on hand, movements sum to {sum(moved[key].values())}"
        if reserved != held[key]:
            yield f"{row['sku']}: {reserved} reserved, holds sum to {held[key]}"
        initial = case.journal.stocked.get(key)
        available = on_hand - reserved
        if initial is not None and sold[key] + reserved + available != initial:
            yield f"{row['sku']}: sold {sold[key]} + reserved {reserved} + available {available} is not {initial}"
    yield from sold_twice(case)


def sold_twice(case: Case):
    """Vendor orders against the order service's own books: each part of a paid order once, none of any other."""
    parts = Counter((row["order_id"], row["store_id"]) for row in case.books.vendor_orders)
    wanted = {(line["order_id"], line["store_id"]) for line in case.books.lines}
    standing = {(row["order_id"], row["store_id"]) for row in case.books.vendor_orders if row["status"] != "cancelled"}
    for order_id, store in wanted:
        if case.status(order_id) in PAID and parts[order_id, store] != 1:
            yield f"paid order {order_id} has {parts[order_id, store]} vendor orders at store {store}"
    for order_id, store in standing:
        if case.status(order_id) not in PAID:
            yield f"store {store} is to ship order {order_id}, which is {case.status(order_id)}"


# -- events and messages


@rule("told", "a paid order is announced and its customer told once; so is one that was cancelled; nobody is told what isn't true")
def told(case: Case):
    for order in case.books.orders:
        was_paid = order["paid_at"] is not None
        was_ended = order["status"] in ("cancelled", "expired") and order["cancel_reason"] != "checkout_failed"
        for kind, event, is_true in (("order.paid", "order.paid.v1", was_paid), ("order.cancelled", "order.cancelled.v1", was_ended)):
            messages, events = case.told[order["id"], kind], case.events[order["id"], event]
            if messages != int(is_true):
                yield f"order {order['id']} ({order['status']}): its customer was told {kind} {messages} times, not {int(is_true)}"
            if events != int(is_true) and not (event == "order.cancelled.v1" and order["status"] == "failed"):
                yield f"order {order['id']} ({order['status']}): {event} was published {events} times, not {int(is_true)}"
    for row in case.books.emails:
        # One whose sender died is another's only once the lease has run out.
        if case.now > row["next_at"] / 1e6 + GRACE_SECONDS:
            yield f"the e-mail {row['mail_id']} is overdue after {row['attempts']} attempts"


@rule("handled", "every event was handled by everybody whom it concerns")
def handled(case: Case):
    inboxes = defaultdict(set)
    for row in case.books.inbox:
        inboxes[row["service"]].add(row["event_id"])
    for missing in unhandled(case.books.events, inboxes, case.poisoned):
        yield f"{missing}: no trace in its inbox"


@rule("outboxes", "outboxes are empty, and the provider has no webhook left to deliver")
def outboxes(case: Case):
    for service, count in Counter(row["service"] for row in case.books.outboxes).items():
        yield f"{count} events wait in the outbox of {service}"
    if case.books.open_webhooks:
        yield f"{len(case.books.open_webhooks)} webhooks wait: {case.books.open_webhooks[0]['last_error']}"


@rule("dead letters", "dead letters hold what was poisoned, and nothing else")
def dead_letters(case: Case):
    found = {row["event_id"] for row in case.books.dead_letters}
    for row in case.books.dead_letters:
        if row["event_id"] not in case.poisoned:
            yield f"{row['service']} gave up {row['type']} {row['event_id']}: {row['error'][:200]}"
    for event_id in case.poisoned - found:
        yield f"{event_id} is nobody's dead letter"


@rule("forged", "no forged webhook was accepted")
def forged(case: Case):
    yield from case.accepted_forgeries


@rule("alive", "no service ended that nobody had killed")
def alive(case: Case):
    yield from case.deaths
