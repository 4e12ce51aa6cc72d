"""Pages of the catalogue from `souk`, with 1,000 products and 32 connections: a list of 20, a product by its id, and a search,
beside nginx serving the same bytes from a file, one worker. CPU is of the server; wrk shares the cores with it."""

from __future__ import annotations

from collections.abc import Iterator

from . import market
from .measure import Experiment, Goal
from .web import get, load, nginx
from .workplace import Workplace

PACKAGES = ["nginx-light", "wrk", "curl"]
CONNECTIONS = 32


def experiments(place: Workplace) -> Iterator[Experiment]:
    with market.OneProcess(place) as souk:
        shop = market.open_shop(souk, place.amount(1_000, 60))
        market.settle(souk)
        pages = {
            "product list of 20": "/api/v1/products?size=20", "product by id": f"/api/v1/products/{shop.products[0]}",
            "search": "/api/v1/products?q=candle&size=20"}
        root = place.subfolder("pages")
        for case, path in pages.items():
            (root / case.replace(" ", "-")).write_bytes(get(souk.url + path))
        peer = place.running(nginx(place.folder, "nginx-pages", f"root {root}; default_type application/json;"))
        seconds = place.amount(3, 1)
        for case, path in pages.items():
            yield Experiment(
                {"souk": lambda: {case: load(souk.url + path, CONNECTIONS, seconds, [souk.process.pid])},
                 "nginx": lambda: {case: load(
                     f"http://127.0.0.1:{peer.port}/{case.replace(' ', '-')}", CONNECTIONS, seconds, [peer.process.pid])}},
                {case: [Goal("rate", at_least=8_000)] if case == "product list of 20" else []})
