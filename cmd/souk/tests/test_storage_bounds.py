"""What a client can make the server store, and keep from others: answers of idempotency keys, guests' carts, unpaid stock."""

import pathlib
import secrets
from datetime import datetime

import pytest
from shop import ADDRESS, Market, gbp
from souk_client import Client

LINES = 500


def data_size(souk) -> int:
    return sum(file.stat().st_size for file in pathlib.Path(souk.data).glob("*.sqlite*"))


def many_variants(shop, count: int, stock: int = 1_000) -> list[dict]:
    """Variants of one shop's products, published and in stock."""
    found = []
    for first in range(0, count, 100):
        variants = [{"sku": f"M-{number}", "attributes": {}, "price": gbp(100)} for number in range(first, min(count, first + 100))]
        product = shop.client.post("/api/v1/products", {"name": f"Many {first}", "variants": variants, "status": "published"}).data
        items = [{"sku": variant["sku"], "on_hand": stock} for variant in variants]
        shop.client.put(f"/api/v1/stores/{shop.store['id']}/inventory", {"items": items}, key=secrets.token_hex(8))
        found += product["variants"]
    return found


def lines(variants: list[dict], quantity: int = 1) -> dict:
    return {"items": [{"variant_id": variant["id"], "quantity": quantity} for variant in variants]}


def ask(client: Client, method: str, path: str, body=None, key: str | None = None, **headers: str):
    """One request, answered whatever the status is: `Client.call` would wait for 429 to pass."""
    sent = {"Accept": "application/json"} | headers
    if body is not None:
        sent["Content-Type"] = "application/json"
    if key:
        sent["Idempotency-Key"] = key
    if client.email:
        sent["Authorization"] = f"Bearer {client.token or client.sign_in()}"
    return client.exchange(method, path, body, sent)


def checkout(client: Client):
    return ask(client, "POST", "/api/v1/checkout", {"shipping_address": ADDRESS}, key=secrets.token_hex(8))


@pytest.mark.setups("souk", reason="the size of the data is measured in files of SQLite")
def test_cancelling_again_and_again_stores_nothing(fresh):
    with fresh() as souk:
        market = Market(souk)
        ada = market.shopper()
        variants = many_variants(market.shop(), LINES)
        order = market.checkout(ada, [(variant, 1) for variant in variants])
        cancel = f"/api/v1/orders/{order['id']}/cancel"
        first = ada.call("POST", cancel, key="first")
        market.settle()
        before = data_size(souk)
        for _ in range(200):
            again = ada.call("POST", cancel, key=secrets.token_hex(16))
            assert again.data["status"] == "cancelled" and len(again.data["lines"]) == LINES
        # The write-ahead log of a database takes up to 4 MiB, whatever is written.
        assert data_size(souk) - before < 6 << 20
        assert souk.query("order", "SELECT COUNT(*) FROM idempotency_keys WHERE state = 'running'") == [("0",)]
        assert souk.query("order", "SELECT COUNT(*) FROM idempotency_keys") == [("2",)]
        # The cancellation itself is repeated, as the order is now, without its response having been kept.
        replayed = ada.call("POST", cancel, key="first")
        assert replayed.headers["idempotency-replayed"] == "true" and replayed.data == first.data
        kept = souk.query("order", "SELECT COALESCE(SUM(LENGTH(body)), 0) FROM idempotency_keys")
        assert int(kept[0][0]) == 0


@pytest.mark.setups("souk", reason="the size of the data is measured in files of SQLite")
def test_guests_of_one_network_store_little(fresh):
    with fresh(SOUK_RATE_LIMIT_EXEMPT="", SOUK_TRUSTED_PROXIES="127.0.0.1", SOUK_AUTH_MAX_REGISTRATIONS_PER_ADDRESS="1000") as souk:
        market = Market(souk)
        variants = many_variants(market.shop(), 1_000)
        guest, before = Client(souk.url), data_size(souk)
        here, elsewhere = {"X-Forwarded-For": "198.51.100.7"}, {"X-Forwarded-For": "198.51.100.8"}
        full = ask(guest, "PUT", "/api/v1/cart/items", lines(variants), **here)
        assert (full.status, full.json["code"]) == (422, "limit.guest_cart_lines")
        empty = ask(guest, "PUT", "/api/v1/cart/items", lines([]), **here)
        assert empty.status == 200 and "cart-token" not in empty.headers
        replies = [ask(guest, "PUT", "/api/v1/cart/items", lines(variants[:100]), **here) for _ in range(80)]
        assert [reply.status for reply in replies] == [200] * 60 + [429] * 20
        assert replies[-1].json["code"] == "limit.guest_carts"
        assert 0 < int(replies[-1].headers["retry-after"]) <= 3_600
        assert data_size(souk) - before < 8 << 20
        # Guests who have a cart, guests of other networks and people who are signed in are served.
        mine = {"Cart-Token": replies[0].headers["cart-token"]}
        assert ask(guest, "PUT", "/api/v1/cart/items", lines(variants[:2]), **here, **mine).status == 200
        assert ask(guest, "PUT", "/api/v1/cart/items", lines(variants[:2]), **elsewhere).status == 200
        ada = market.shopper()
        assert ask(ada, "PUT", "/api/v1/cart/items", lines(variants), **here).status == 200


def test_nobody_keeps_the_stock_from_others(market):
    shop = market.shop()
    thing = shop.sell(stock=100)
    mallory, ada = market.shopper(), market.shopper()
    for _ in range(3):
        mallory.put("/api/v1/cart/items", lines([thing], 100))
        order = checkout(mallory)
        assert order.status == 201
        # Everything may be bought, but there is less time to pay for it.
        order = order.data
        mallory.call("POST", f"/api/v1/orders/{order['id']}/cancel")
        market.reaches(mallory, order, "cancelled")
        market.settle()
    mallory.put("/api/v1/cart/items", lines([thing], 100))
    refused = checkout(mallory)
    assert (refused.status, refused.json["code"]) == (409, "limit.held_stock")
    assert "50" in refused.json["errors"][0]["message"]
    mallory.put("/api/v1/cart/items", lines([thing], 50))
    held = checkout(mallory)
    assert held.status == 201
    # The neighbour buys meanwhile.
    market.buy(ada, [(thing, 50)])
    assert shop.inventory(thing["sku"])["available"] == 0
    mallory.call("POST", f"/api/v1/orders/{held.data['id']}/cancel")
    market.reaches(mallory, held.data, "cancelled")

    # Cancelled four times; a refusal held nothing and does not count. After two more the next checkout waits.
    other = shop.sell(stock=100)
    for _ in range(2):
        mallory.put("/api/v1/cart/items", lines([other]))
        further = checkout(mallory)
        assert further.status == 201
        mallory.call("POST", f"/api/v1/orders/{further.data['id']}/cancel")
        market.reaches(mallory, further.data, "cancelled")
    mallory.put("/api/v1/cart/items", lines([other]))
    waiting = checkout(mallory)
    assert (waiting.status, waiting.json["code"]) == (429, "limit.unpaid_orders")
    assert 0 < int(waiting.headers["retry-after"]) <= 60
    market.buy(ada, [(other, 100)])


def test_an_order_of_all_there_is_has_less_time_to_pay(market):
    shop, ada, bob = market.shop(), market.shopper(), market.shopper()
    small = market.checkout(ada, [(shop.sell(stock=100), 50)])
    large = market.checkout(bob, [(shop.sell(stock=100), 51)])
    assert seconds(small) == 30 * 60 and seconds(large) == 10 * 60
    market.pay(bob, large)


def seconds(order: dict) -> float:
    return round((datetime.fromisoformat(order["expires_at"]) - datetime.fromisoformat(order["created_at"])).total_seconds())
