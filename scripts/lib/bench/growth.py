"""Growth: p99 of the product list, a search and the requests of purchases in `souk` with a thousand products and orders, and with
a million of each, both at once. The rows are copies of one real product and one real order with keys of their own, put into
the files of a stopped `souk`; what other services keep of an order is not multiplied."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from . import market, purchases
from .measure import Experiment, Goal
from .web import load
from .workplace import Workplace

PACKAGES = ["wrk", "curl"]
CONNECTIONS = 4
# Table → columns that each copy has of its own; {n} is its number.
PRODUCTS = {
    "products": {
        "id": "{id:1}", "slug": "'bench-' || {n}", "name": "name || ' ' || {n}", "sort_name": "sort_name || ' ' || {n}",
        "search_text": "search_text || ' ' || {n}", "creation_key": "NULL", "published_at": "published_at - {n}",
        "created_at": "created_at - {n}"},
    "variants": {"id": "{id:2}", "product_id": "{id:1}", "sku": "'BENCH-' || {n}"},
}
ORDERS = {
    "orders": {
        "id": "{id:3}", "number": "'BENCH-' || {n}", "idempotency_key": "'bench-' || {n}", "customer_id": "{id:4:10000}",
        "payment_id": "NULL", "pay_url": "NULL", "created_at": "created_at - {n}"},
    "order_parts": {"vendor_order_id": "{id:5}", "order_id": "{id:3}"},
    "order_lines": {"id": "{id:6}", "order_id": "{id:3}", "vendor_order_id": "{id:5}"},
}


def experiments(place: Workplace) -> Iterator[Experiment]:
    small, large = place.amount((1_000, 1_000_000), (200, 5_000))
    names = {f"{large:,}": large, f"{small:,}": small}
    with contextlib.ExitStack() as running:
        shops = {}
        for name, count in names.items():
            souk = market.OneProcess(place)
            goods = place.folder / f"goods-{count}"
            with souk:
                goods.write_text("\n".join(market.open_shop(souk, 20).variants) + "\n")
                purchases.buy(place, souk, goods, 1)
            multiply(souk, "product", PRODUCTS, count)
            multiply(souk, "order", ORDERS, count)
            shops[name] = (running.enter_context(souk), goods)
        goals = [Goal("p99_ms", at_most=2, times=f"{small:,}")]
        seconds = place.amount(2, 1)
        for case, path in (("product list", "/api/v1/products?size=20"), ("search", "/api/v1/products?q=candle&size=20")):
            yield Experiment(
                {name: lambda souk=souk: {case: load(souk.url + path, CONNECTIONS, seconds, [souk.process.pid])}
                 for name, (souk, _) in shops.items()}, {case: goals})
        yield Experiment(
            {name: lambda souk=souk, goods=goods: {"purchase": purchases.buy(place, souk, goods, seconds)}
             for name, (souk, goods) in shops.items()}, {"purchase": goals})


def multiply(souk: market.OneProcess, database: str, tables: dict[str, dict[str, str]], count: int) -> None:
    """Copies the first row of each table, the first of a purchase or product with all that belongs to it."""
    with contextlib.closing(sqlite3.connect(souk.data / f"{database}.sqlite")) as connection, connection:
        connection.execute("PRAGMA foreign_keys = off")
        for table, changed in tables.items():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = [filled(changed[column]) if column in changed else column for column in columns]
            connection.execute(f"""
                INSERT INTO {table} ({', '.join(columns)})
                WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
                SELECT {', '.join(values)} FROM numbers CROSS JOIN (SELECT * FROM {table} LIMIT 1)""")
        if database == "product":
            connection.execute("INSERT INTO products_search (products_search) VALUES ('rebuild')")
        connection.execute("ANALYZE")


def filled(expression: str) -> str:
    """{n} is the number of the copy; {id:K} a UUID of version 7 of kind K by that number, {id:K:M} one of M different."""
    if not expression.startswith("{id:"):
        return expression.replace("{n}", "n")
    kind, _, most = expression.strip("{}").removeprefix("id:").partition(":")
    number = f"n % {most}" if most else "n"
    return f"printf('{int(kind):08x}-0000-7000-8000-%012x', {number})"
