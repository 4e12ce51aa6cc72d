"""Attacks that make the server keep things."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time

from private_souk import PrivateSouk
from souk_client import Client

from .attack import Attack
from .clients import Caller

ADDRESS = {"name": "Ada Marlow", "line1": "1 Test Street", "city": "London", "postal_code": "E1 6AN", "country": "GB"}
PRODUCTS, VARIANTS = 10, 100
LINES = PRODUCTS * VARIANTS
STOCK = 1_000
PASSWORD = "an attacker's long password"
# Within the default rate limit of 1,200 a minute.
PAUSE = 0.052


def market(souk: PrivateSouk, variants: int = VARIANTS, products: int = PRODUCTS) -> list[str]:
    """Opens a shop and gives the ids of its variants."""
    admin = Client(souk.url, "admin@souk.example", souk.admin_password)
    vendor = Client(souk.url, "vendor@souk.example", "a vendor's long password")
    vendor.register("Vendor")
    applied = vendor.post("/api/v1/vendors", {"name": "Vendor", "slug": "vendor"}).data
    admin.post(f"/api/v1/admin/vendors/{applied['id']}/approve")
    store = vendor.post("/api/v1/stores", {"name": "Store", "slug": "store"}).data
    ids = []
    for number in range(products):
        body = {"name": f"Thing {number}", "variants": [
            {"sku": f"SKU-{number}-{v}", "attributes": {}, "price": {"amount": 100, "currency": "GBP"}} for v in range(variants)]}
        product = vendor.post("/api/v1/products", body).data
        vendor.patch(f"/api/v1/products/{product['id']}", {"status": "published"}, f'"{product["version"]}"')
        items = [{"sku": variant["sku"], "on_hand": STOCK} for variant in product["variants"]]
        vendor.put(f"/api/v1/stores/{store['id']}/inventory", {"items": items}, key=secrets.token_hex(8))
        ids += [variant["id"] for variant in product["variants"]]
    return ids


async def sign_up(caller: Caller) -> str:
    """Registers an account and gives its access token as a header value."""
    body = {"email": f"{secrets.token_hex(8)}@attack.example", "password": PASSWORD, "name": "Attacker"}
    _, answer = await caller.ask("POST", "/api/v1/auth/register", body)
    return "Bearer " + json.loads(answer)["data"]["access_token"]


def lines(variants: list[str], quantity: int = 1) -> dict:
    return {"items": [{"variant_id": variant, "quantity": quantity} for variant in variants]}


async def repeat(end: float, ask) -> str:
    """Asks until the time is up, and counts the responses by status."""
    counts: dict[int | str, int] = {}
    for number in itertools.count():
        if time.monotonic() > end:
            break
        try:
            status, _ = await ask(number)
        except (TimeoutError, OSError, EOFError) as error:
            status = type(error).__name__
        counts[status] = counts.get(status, 0) + 1
        await asyncio.sleep(PAUSE)
    return ", ".join(f"{count} × {status}" for status, count in sorted(counts.items(), key=str))


async def kept_answers(port: int, variants: list[str], end: float) -> str:
    """Cancels one order of many lines again and again, each time with a fresh key."""
    caller = Caller(port)
    token = await sign_up(caller)
    await caller.ask("PUT", "/api/v1/cart/items", lines(variants), Authorization=token)
    status, answer = await caller.ask(
        "POST", "/api/v1/checkout", {"shipping_address": ADDRESS}, Authorization=token, Idempotency_Key=secrets.token_hex(8))
    if status != 201:
        return f"the checkout was refused with {status}"
    order = json.loads(answer)["data"]["id"]
    return await repeat(end, lambda _: caller.ask(
        "POST", f"/api/v1/orders/{order}/cancel", {}, Authorization=token, Idempotency_Key=secrets.token_hex(16)))


async def guest_carts(port: int, variants: list[str], end: float) -> str:
    """Opens carts of all there is, and of a tenth of it."""
    caller = Caller(port)
    return await repeat(end, lambda number: caller.ask(
        "PUT", "/api/v1/cart/items", lines(variants[:LINES // 10] if number % 2 else variants)))


async def sessions(port: int, _prepared, end: float) -> str:
    caller = Caller(port)
    email = f"{secrets.token_hex(8)}@attack.example"
    await caller.ask("POST", "/api/v1/auth/register", {"email": email, "password": PASSWORD, "name": "Attacker"})
    return await repeat(end, lambda _: caller.ask("POST", "/api/v1/auth/login", {"email": email, "password": PASSWORD}))


async def unpaid_stock(port: int, variants: list[str], end: float) -> str:
    """Takes all of one variant in an order that is never paid, cancels it, and takes it again."""
    caller = Caller(port)
    token = await sign_up(caller)
    held = 0.0

    async def once(_number: int) -> tuple[int, bytes]:
        nonlocal held
        await caller.ask("PUT", "/api/v1/cart/items", lines(variants[:1], STOCK), Authorization=token)
        status, answer = await caller.ask(
            "POST", "/api/v1/checkout", {"shipping_address": ADDRESS}, Authorization=token,
            Idempotency_Key=secrets.token_hex(8))
        if status == 201:
            began = time.monotonic()
            await asyncio.sleep(0.5)
            order = json.loads(answer)["data"]["id"]
            await caller.ask(
                "POST", f"/api/v1/orders/{order}/cancel", {}, Authorization=token, Idempotency_Key=secrets.token_hex(8))
            held += time.monotonic() - began
        return status, answer

    began = time.monotonic()
    counts = await repeat(end, once)
    return f"held all of a variant {100 * held / (time.monotonic() - began):.0f} % of the time: {counts}"


STORAGE = [
    Attack("kept-answers", f"Cancels an order of {LINES:,} lines with fresh idempotency keys.", kept_answers, market),
    Attack("guest-carts", f"Opens guest carts of {LINES:,} and of {LINES // 10} lines.", guest_carts, market),
    Attack("sessions", "Signs in without end.", sessions),
    Attack("unpaid-stock", "Holds all of a variant in unpaid orders.", unpaid_stock, lambda souk: market(souk, 1, 1)),
]
