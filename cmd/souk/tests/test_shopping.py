"""The flows of the marketplace, from the cart to the refund."""

import html
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request

import pytest
from shop import ADDRESS, Market, gbp
from souk_client import ApiError, Client, wait_until


def refused(code: str):
    return pytest.raises(ApiError, match=code)


def test_one_basket_from_two_vendors_is_paid_shipped_and_delivered(market):
    bakery, florist, ada = market.shop(), market.shop(), market.shopper()
    bread, rose = bakery.sell(price=350, stock=5), florist.sell(price=1200, stock=3)

    order = market.checkout(ada, [(bread, 2), (rose, 1)], reference="PO-7")
    assert order["status"] == "awaiting_payment"
    assert order["total"] == gbp(1900) and order["reference"] == "PO-7"
    assert {p["vendor_id"] for p in order["parts"]} == {bakery.vendor["id"], florist.vendor["id"]}
    assert (bakery.inventory(bread["sku"])["reserved"], bakery.inventory(bread["sku"])["on_hand"]) == (2, 5)

    order = market.pay(ada, order)
    bakery.ship(order)
    wait_until("the stock to leave", lambda: bakery.inventory(bread["sku"])["on_hand"] == 3)
    assert bakery.inventory(bread["sku"])["reserved"] == 0
    assert market.reaches(ada, order, "partially_shipped")
    florist.ship(order)
    assert market.reaches(ada, order, "shipped")
    bakery.deliver(order)
    florist.deliver(order)
    assert market.reaches(ada, order, "delivered")

    market.settle()
    kinds = [n["kind"] for n in ada.pages("/api/v1/notifications")]
    assert kinds.count("order.paid") == 1 and kinds.count("order.shipped") == 2
    assert [n["kind"] for n in bakery.client.pages("/api/v1/notifications")].count("vendor.order") == 1
    balance = bakery.client.get("/api/v1/ledger/balance").data
    assert str(630) in str(balance), balance  # 700 less ten per cent
    market.assert_books_balance()


def test_prices_come_from_the_server_and_freeze_at_checkout(market):
    shop, ada = market.shop(), market.shopper()
    thing = shop.sell(price=500)
    ada.put("/api/v1/cart/items", {"items": [{"variant_id": thing["id"], "quantity": 1}]})
    with refused("request.invalid"):
        ada.post("/api/v1/cart/items", {"variant_id": thing["id"], "quantity": 1, "price": gbp(1)})
    with refused("checkout.total_changed"):
        ada.post("/api/v1/checkout", {"shipping_address": ADDRESS, "expected_total": gbp(1)}, key=secrets.token_hex(8))
    order = market.checkout(ada, [(thing, 1)])
    product = shop.client.get(f"/api/v1/products/{thing['product_id']}")
    path = f"/api/v1/products/{thing['product_id']}/variants/{thing['id']}"
    shop.client.patch(path, {"price": gbp(900)}, product.headers["etag"])
    assert market.pay(ada, order)["total"] == gbp(500)


def test_a_guest_cart_is_merged_at_login(market):
    shop, ada = market.shop(), market.shopper()
    one, two = shop.sell(), shop.sell()
    guest = Client(market.souk.url)
    reply = guest.post("/api/v1/cart/items", {"variant_id": one["id"], "quantity": 2})
    token = reply.headers["cart-token"]
    ada.post("/api/v1/cart/items", {"variant_id": one["id"], "quantity": 1})
    ada.post("/api/v1/cart/items", {"variant_id": two["id"], "quantity": 1})
    for _ in range(2):  # the second time there is nothing left to merge
        cart = ada.call("GET", "/api/v1/cart", headers={"Cart-Token": token}).data
        assert {i["variant_id"]: i["quantity"] for i in cart["items"]} == {one["id"]: 3, two["id"]: 1}
    left = guest.call("GET", "/api/v1/cart", headers={"Cart-Token": token}, expect=(404,))
    assert left.status == 404 or not left.data["items"]


def test_a_declined_payment_gives_the_stock_back(market):
    shop, ada = market.shop(), market.shopper()
    thing = shop.sell(stock=1)
    order = market.checkout(ada, [(thing, 1)])
    market.pay(ada, order, outcome="decline", until="cancelled")
    wait_until("the stock to be free", lambda: shop.inventory(thing["sku"])["reserved"] == 0)
    assert shop.inventory(thing["sku"])["on_hand"] == 1
    assert market.buy(ada, [(thing, 1)])["status"] == "paid"


def test_cancel_before_payment_and_before_shipping(market):
    shop, ada = market.shop(), market.shopper()
    thing = shop.sell(price=700, stock=2)
    unpaid = market.checkout(ada, [(thing, 1)])
    assert ada.post(f"/api/v1/orders/{unpaid['id']}/cancel").data["status"] == "cancelled"
    wait_until("the stock to be free", lambda: shop.inventory(thing["sku"])["available"] == 2)
    paid = market.buy(ada, [(thing, 2)])
    shop.part(paid)
    assert ada.post(f"/api/v1/orders/{paid['id']}/cancel").data["status"] == "cancelled"
    wait_until("the refund", lambda: market.order(ada, paid["id"])["refunded"] == gbp(1400))
    wait_until("the stock to be back", lambda: shop.inventory(thing["sku"])["available"] == 2)
    assert ada.post(f"/api/v1/orders/{paid['id']}/cancel").data["status"] == "cancelled"  # again changes nothing
    market.settle()
    assert market.order(ada, paid["id"])["refunded"] == gbp(1400)
    market.assert_books_balance()


def test_what_was_shipped_can_be_returned_but_not_cancelled_nor_returned_twice(market):
    shop, ada = market.shop(), market.shopper()
    thing = shop.sell(price=1000, stock=3)
    order = market.buy(ada, [(thing, 3)])
    part = shop.ship(order)
    with refused("order.already_shipped"):
        ada.post(f"/api/v1/orders/{order['id']}/cancel")
    path, line = f"/api/v1/vendor-orders/{part['id']}/returns", part["lines"][0]["id"]

    def ask(quantity: int):
        body = {"lines": [{"line_id": line, "quantity": quantity}], "reason": "too many"}
        return ada.post(path, body, key=secrets.token_hex(8)).data

    first = ask(2)
    assert first["amount"] == gbp(2000)
    with pytest.raises(ApiError) as error:
        ask(2)
    assert error.value.status in (409, 422)
    with pytest.raises(ApiError) as error:
        ada.post(f"/api/v1/returns/{first['id']}/approve", {"restock": True})
    assert error.value.status in (403, 404)
    shop.client.post(f"/api/v1/returns/{first['id']}/approve", {"restock": True})
    shop.client.post(f"/api/v1/returns/{first['id']}/approve", {"restock": True})
    wait_until("the refund", lambda: market.order(ada, order["id"])["refunded"] == gbp(2000))
    assert shop.inventory(thing["sku"])["on_hand"] == 2
    second = ask(1)
    shop.client.post(f"/api/v1/returns/{second['id']}/reject", {"reason": "used"})
    market.settle()
    assert market.order(ada, order["id"])["refunded"] == gbp(2000)
    assert "return.rejected" in [n["kind"] for n in ada.pages("/api/v1/notifications")]
    market.assert_books_balance()


def test_admin_refunds_never_exceed_what_was_captured(market):
    shop, ada = market.shop(), market.shopper()
    order = market.buy(ada, [(shop.sell(price=1000), 1)])
    path = f"/api/v1/admin/payments/{order['payment']['id']}/refunds"
    market.admin.post(path, {"amount": gbp(400), "reason": "goodwill"}, key="r1-" + order["id"])
    market.admin.post(path, {"amount": gbp(400), "reason": "goodwill"}, key="r1-" + order["id"])
    with pytest.raises(ApiError) as error:
        market.admin.post(path, {"amount": gbp(601), "reason": "goodwill"}, key="r2-" + order["id"])
    assert error.value.status in (409, 422)
    market.admin.post(path, {"reason": "the rest"}, key="r3-" + order["id"])
    wait_until("the refunds", lambda: market.order(ada, order["id"])["refunded"] == gbp(1000))
    market.assert_books_balance()


def test_unpaid_orders_expire_and_free_the_stock(fresh):
    market = Market(fresh(SOUK_ORDER_PAYMENT_WINDOW="1s", SOUK_ORDER_RESERVATION_SLACK="1s").start())
    shop, ada = market.shop(), market.shopper()
    thing = shop.sell(stock=1)
    order = market.checkout(ada, [(thing, 1)])
    market.reaches(ada, order, "expired")
    wait_until("the stock to be free", lambda: shop.inventory(thing["sku"])["available"] == 1)
    url = order["payment"]["pay_url"]
    late = ada.call("POST", url[url.index("/", 8):], {"outcome": "success"}, expect=(404, 409, 410))
    assert late.status in (404, 409, 410)


def test_mail_is_written_as_files(market):
    shop, ada = market.shop(), market.shopper()
    market.mail.verify(ada)
    order = market.buy(ada, [(shop.sell(), 1)])

    def letters():
        return [m for m in market.mail.letters(ada.email) if order["number"] in m["subject"]]

    letter = wait_until("the letter", letters, 45)[0]
    assert not letter.defects and letter["message-id"] and letter["date"].datetime
    assert "10.00 GBP" in letter.get_body(("plain",)).get_content()
    assert "10.00 GBP" in letter.get_body(("html",)).get_content()


def test_a_suspended_vendor_is_off_the_shelf_and_comes_back(market):
    shop, ada = market.shop(), market.shopper()
    thing = shop.sell(stock=5)
    path, vendor = f"/api/v1/products/{thing['product_id']}", shop.vendor["id"]
    ada.put("/api/v1/cart/items", {"items": [{"variant_id": thing["id"], "quantity": 1}]})

    def shown() -> bool:
        listed = market.anonymous.get("/api/v1/products", vendor_id=vendor).meta["total_count"]
        assert listed in (0, 1)
        return bool(listed) and market.anonymous.call("GET", path, expect=(404,)).status == 200

    assert shown()
    market.admin.post(f"/api/v1/admin/vendors/{vendor}/suspend", {"reason": "complaints"})
    wait_until("the product to go", lambda: not shown())
    assert shop.client.get(path).data["status"] == "published"  # its owner still sees it
    with refused("checkout.not_purchasable"):
        ada.post("/api/v1/checkout", {"shipping_address": ADDRESS}, key=secrets.token_hex(8))
    market.admin.post(f"/api/v1/admin/vendors/{vendor}/reinstate")
    wait_until("the product to come back", shown)
    assert ada.post("/api/v1/checkout", {"shipping_address": ADDRESS}, key=secrets.token_hex(8)).status == 201


def test_a_browser_pays_with_the_form_of_the_page(market):
    shop, ada = market.shop(), market.shopper()
    order = market.checkout(ada, [(shop.sell(price=1234), 1)])
    url = order["payment"]["pay_url"]
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": "text/html"})) as page:
        assert "default-src 'none'" in page.headers["content-security-policy"]
        text = page.read().decode()
    assert "12.34" in text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html.unescape(text)))
    assert fields
    forged = urllib.parse.urlencode({"outcome": "success"}).encode()
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(url, forged)
    assert error.value.code == 403
    with urllib.request.urlopen(url, urllib.parse.urlencode(fields | {"outcome": "success"}).encode()) as after:
        assert "paid" in after.read().decode().lower()
    assert market.reaches(ada, order, "paid")
