"""Whole purchases per second: each a cart, a checkout, a payment, the provider's webhook, the order paid and the customer notified,
by 16 shoppers who do nothing but buy. The time begins with the first request and ends when the last order is paid and the last
customer notified; afterwards the outboxes must drain and the books balance. Every service and server on the same two cores, the load
generator too. CPU is of Souk's processes; on PostgreSQL that of PostgreSQL, RabbitMQ and Redis comes to it. For orientation:
Saleor was measured at 1.3 checkouts/s on these cores."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cluster.process import ClusterError

from . import market
from .measure import Experiment, Goal, Stopwatch
from .web import SCRIPTS, wrk
from .workplace import Workplace

PACKAGES = ["wrk", "curl", "postgresql", "redis-server", "rabbitmq-server"]
SHOPPERS = 16
GOODS = 50


def experiments(place: Workplace) -> Iterator[Experiment]:
    for case, make, bound in (
            ("souk, one process", market.OneProcess, 400), ("processes on PostgreSQL and RabbitMQ", market.ManyProcesses, 150)):
        with make(place) as running:
            shop = market.open_shop(running, GOODS)
            goods = place.folder / "goods"
            goods.write_text("\n".join(shop.variants) + "\n")
            buy(place, running, goods, 2)
            yield Experiment(
                {"souk": lambda: {case: buy(place, running, goods, place.amount(10, 3))}}, {case: [Goal("rate", at_least=bound)]})


def buy(place: Workplace, running, goods, seconds: int) -> dict[str, float]:
    """Buys for so long and waits for the last consequence of it; raises where a step failed or something is missing."""
    tokens = place.folder / "tokens"
    tokens.write_text("\n".join(market.shoppers(running, SHOPPERS)) + "\n")
    market.settle(running)
    before = counts(running)
    watch, began = Stopwatch(list(running.pids().values())), time.time()
    found = wrk([
        f"-t{SHOPPERS}", f"-c{SHOPPERS}", f"-d{seconds + 5}s", "--timeout", "30s", "-s", SCRIPTS / "purchase.lua", running.url, "--",
        tokens, goods, seconds])
    bought = found["purchases"]
    if found["failures"] or not bought:
        raise ClusterError(f"{found['failures']} requests failed beside {bought} purchases: {found['said']}")
    deadline = time.monotonic() + 120
    while (done := tuple(now - then for now, then in zip(counts(running), before, strict=True))) != (bought, bought):
        if time.monotonic() > deadline:
            raise ClusterError(f"of {bought} purchases only {done[0]} were paid and {done[1]} notified after two minutes")
        time.sleep(0.05)
    # wrk goes on for a while after the last purchase: what the databases say counts.
    sample = watch.sample(bought) | {"rate": bought / (last(running) - began)}
    market.settle(running)
    if not market.admin(running).get("/api/v1/admin/ledger/verify").data["balanced"]:
        raise ClusterError("the books do not balance")
    return sample | {"p99_ms": found["p99_ms"]}


def counts(running) -> tuple[int, int]:
    """Orders that are paid, and customers that were told."""
    paid = running.query("order", "SELECT count(*) FROM orders WHERE paid_at IS NOT NULL")
    told = running.query("notification", "SELECT count(*) FROM notifications WHERE kind = 'order.paid'")
    return int(paid[0][0]), int(told[0][0])


def last(running) -> float:
    """When the last order was paid or the last customer told, in seconds since 1970."""
    paid = running.query("order", "SELECT max(paid_at) FROM orders")
    told = running.query("notification", "SELECT max(created_at) FROM notifications WHERE kind = 'order.paid'")
    return max(int(paid[0][0]), int(told[0][0])) / 1e6
