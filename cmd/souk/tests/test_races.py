"""Many at once: the last unit, one key, one token."""

import secrets
from concurrent.futures import ThreadPoolExecutor

from shop import ADDRESS
from souk_client import ApiError, Client, wait_until


def at_once(count: int, work) -> list:
    """Runs work(0…count-1) at the same time; an `ApiError` is a result like any other."""
    def attempt(index: int):
        try:
            return work(index)
        except ApiError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(attempt, range(count)))


def test_200_buyers_of_the_last_unit(market):
    shop = market.shop()
    thing = shop.sell(stock=1)
    with ThreadPoolExecutor(8) as pool:
        buyers = list(pool.map(lambda _: market.shopper(), range(200)))
        list(pool.map(lambda b: b.put("/api/v1/cart/items", {"items": [{"variant_id": thing["id"], "quantity": 1}]}), buyers))

    results = at_once(200, lambda i: buyers[i].post(
        "/api/v1/checkout", {"shipping_address": ADDRESS}, key=secrets.token_hex(8)).data)
    won = [r for r in results if not isinstance(r, ApiError)]
    lost = [r for r in results if isinstance(r, ApiError)]
    assert len(won) == 1
    assert {(e.status, e.code) for e in lost} <= {(409, "stock.insufficient"), (409, "checkout.not_purchasable")}, {str(e) for e in lost}
    assert shop.inventory(thing["sku"])["reserved"] == 1
    winner = next(b for b, r in zip(buyers, results, strict=True) if not isinstance(r, ApiError))
    market.pay(winner, won[0])
    market.settle()
    assert (shop.inventory(thing["sku"])["on_hand"], shop.inventory(thing["sku"])["reserved"]) == (0, 0)


def test_100_identical_checkouts_with_one_key(market):
    shop, ada = market.shop(), market.shopper()
    thing = shop.sell(stock=500)
    ada.put("/api/v1/cart/items", {"items": [{"variant_id": thing["id"], "quantity": 2}]})
    key = secrets.token_hex(8)
    results = at_once(100, lambda _: ada.post("/api/v1/checkout", {"shipping_address": ADDRESS}, key=key).data)
    failures = [r for r in results if isinstance(r, ApiError)]
    assert not failures, failures[:3]
    assert len({r["id"] for r in results}) == 1 and len({r["payment"]["id"] for r in results}) == 1
    assert len(list(ada.pages("/api/v1/orders"))) == 1
    payments = list(market.admin.pages("/api/v1/admin/payments", order_id=results[0]["id"]))
    assert len(payments) == 1
    assert shop.inventory(thing["sku"])["reserved"] == 2


def test_the_same_key_with_another_body_is_refused(market):
    shop, ada = market.shop(), market.shopper()
    key = secrets.token_hex(8)
    market.checkout(ada, [(shop.sell(), 1)], key=key)
    again = ada.call("POST", "/api/v1/checkout", {"shipping_address": {**ADDRESS, "city": "Leeds"}}, key=key, expect=(422,))
    assert again.json["code"] == "idempotency_key.reused"
    without = ada.call("POST", "/api/v1/checkout", {"shipping_address": ADDRESS}, expect=(400,))
    assert without.json["code"] == "idempotency_key.missing"


def test_a_rotated_refresh_token_revokes_its_family(market):
    ada = market.shopper()
    login = market.anonymous.post("/api/v1/auth/login", {"email": ada.email, "password": ada.password}).data
    results = at_once(20, lambda _: Client(market.souk.url).post(
        "/api/v1/auth/refresh", {"refresh_token": login["refresh_token"]}).data)
    won = [r for r in results if not isinstance(r, ApiError)]
    assert len(won) == 1
    after = market.anonymous.call(
        "POST", "/api/v1/auth/refresh", {"refresh_token": won[0]["refresh_token"]}, expect=(401,))
    assert after.status == 401


def test_concurrent_payment_and_cancellation_end_in_one_story(market):
    shop = market.shop()
    thing = shop.sell(price=100, stock=100)
    for _ in range(10):
        ada = market.shopper()
        order = market.checkout(ada, [(thing, 1)])
        url = order["payment"]["pay_url"]
        at_once(2, lambda i: ada.call("POST", url[url.index("/", 8):], {"outcome": "success"}) if i else ada.post(
            f"/api/v1/orders/{order['id']}/cancel"))
        market.settle()
        # The provider's webhooks wait in no outbox of ours.
        path = f"/api/v1/admin/payments/{order['payment']['id']}"
        payment = wait_until("the payment to be decided", lambda: (
            seen := market.admin.get(path).data)["state"] in ("captured", "cancelled", "failed") and seen, 30)
        if payment["state"] == "captured":
            # Either the order stands, or the money goes back.
            wait_until("one story", lambda: (current := market.order(ada, order["id"]))["status"] == "paid" or (
                current["status"] == "cancelled" and current["refunded"] == current["total"]), 20)
        else:
            assert payment["state"] == "cancelled" and market.order(ada, order["id"])["status"] == "cancelled"
    market.assert_books_balance()
