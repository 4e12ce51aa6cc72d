"""Marketplaces to measure: `souk` in one process, or a process per service on PostgreSQL and RabbitMQ, with a shop in it."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import secrets
from concurrent.futures import ThreadPoolExecutor

from cluster.cluster import Cluster
from private_souk import PrivateSouk
from souk_client import Client, wait_until

from .workplace import Workplace

# Cheap password hashing: it is no part of what is measured, and shoppers are many.
VARIABLES = {"SOUK_AUTH_ARGON2_MEMORY_KIB": "1024", "SOUK_AUTH_ARGON2_ITERATIONS": "1", "SOUK_LOG_LEVEL": "warning"}
SERIAL = itertools.count(1)


class OneProcess(PrivateSouk):
    """`souk` with everything in it, SQLite with `synchronous=full`."""

    def __init__(self, place: Workplace, data: pathlib.Path | None = None, **env: str):
        super().__init__(data or place.subfolder(f"souk-{next(SERIAL)}"), binary=place.program("souk"), env=VARIABLES | env)

    def pids(self) -> dict[str, int]:
        return {"souk": self.process.pid}

    def servers(self) -> list[int]:
        return []


class ManyProcesses:
    """Gateway and services as processes, as `scripts/dev up` starts them, on a PostgreSQL that syncs its commits."""

    def __init__(self, place: Workplace, **env: str):
        number = next(SERIAL)
        self.shared = place.servers
        self.cluster = Cluster(
            place.subfolder(f"cluster-{number}"), "rabbitmq", place.programs, variables=VARIABLES | env, servers=self.shared,
            namespace=f"bench{number}")
        self.admin_password, self.url = self.cluster.admin_password_file.read_text().strip(), self.cluster.url

    def start(self) -> "ManyProcesses":
        self.cluster.start()
        return self

    def stop(self) -> None:
        self.cluster.stop()
        self.cluster.leave_servers()

    def __enter__(self) -> "ManyProcesses":
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_) -> None:
        self.stop()

    def pids(self) -> dict[str, int]:
        return {name: part.process.pid for name, part in self.cluster.services.items()}

    def servers(self) -> list[int]:
        """What they live on: PostgreSQL, RabbitMQ, Redis."""
        parts = [*self.shared.parts, self.cluster.redis]
        return [pid for part in parts if (pid := part.process.pid)]

    def query(self, database: str, sql: str) -> list[tuple[str, ...]]:
        out = self.cluster.postgres.psql(self.cluster.database(database), sql).stdout
        return [tuple(line.split("|")) for line in out.splitlines()]


@dataclasses.dataclass
class Shop:
    """An open store with goods."""

    store_id: str
    vendor_id: str
    variants: list[str]
    products: list[str]


def client(market, email: str, password: str) -> Client:
    return Client(market.url, email, password, patience=30)


def admin(market) -> Client:
    return client(market, "admin@souk.example", market.admin_password)


def open_shop(market, goods: int, stock: int = 1_000_000) -> Shop:
    """A vendor with one store, and published products of one variant each."""
    name = f"bench-{secrets.token_hex(4)}"
    owner = client(market, f"{name}@bench.example", f"password of {name}")
    owner.register(name)
    vendor = owner.post("/api/v1/vendors", {"name": name, "slug": f"v-{name}"}).data
    admin(market).post(f"/api/v1/admin/vendors/{vendor['id']}/approve")
    store = owner.post("/api/v1/stores", {"name": name, "slug": f"s-{name}"}).data

    def list_one(number: int) -> tuple[str, str]:
        body = {
            "name": f"{WORDS[number % len(WORDS)]} number {number}", "description": "Made of one thing and another, by hand.",
            "variants": [{"sku": f"SKU-{number}", "attributes": {"size": "M"}, "price": {"amount": 500 + number, "currency": "GBP"}}]}
        product = owner.post("/api/v1/products", body).data
        owner.patch(f"/api/v1/products/{product['id']}", {"status": "published"}, f'"{product["version"]}"')
        return product["id"], product["variants"][0]["id"]

    with ThreadPoolExecutor(4) as pool:
        listed = list(pool.map(list_one, range(goods)))
    for first in range(0, goods, 100):
        items = [{"sku": f"SKU-{number}", "on_hand": stock} for number in range(first, min(first + 100, goods))]
        owner.put(f"/api/v1/stores/{store['id']}/inventory", {"items": items}, key=secrets.token_hex(8))
    return Shop(store["id"], vendor["id"], [variant for _, variant in listed], [product for product, _ in listed])


WORDS = ["Washed linen apron", "Speckled mug", "Cedar candle", "Ruled notebook", "Terracotta planter", "Oak desk tray", "Wool throw"]


def shoppers(market, count: int) -> list[str]:
    """Access tokens of new customers."""
    def sign_up(_: int) -> str:
        name = f"shopper-{secrets.token_hex(6)}"
        made = client(market, f"{name}@bench.example", f"password of {name}")
        made.register(name)
        return made.token

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(sign_up, range(count)))


def settle(market, seconds: float = 120) -> None:
    """Until every outbox is empty and every consumer has caught up, twice in a row: an event on its way from one service to
    the next can be missed by both."""
    asking = admin(market)

    def is_idle() -> bool:
        return all(each.get("outbox_depth") == 0 and not any(each["lag"].values()) for each in asking.get("/api/v1/admin/events").data)
    wait_until("the events to be handled", lambda: is_idle() and is_idle(), seconds)
