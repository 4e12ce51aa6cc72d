"""Text that means one thing to Swift's characters and another to whoever reads its bytes.

Prepend characters such as U+0600 merge with the syntax after them into one character, combining marks with the syntax before
them; U+037E is canonically equivalent to `;`. What is refused is refused with 4xx, and what is accepted does no harm.
"""

import json
import pathlib
import secrets
import subprocess
import urllib.parse

import pytest
import yaml
from shop import ADDRESS, gbp
from wire import ask, problem

ROOT = pathlib.Path(__file__).resolve().parents[3]
MERGING = ["\u0600", "\u0605", "\u06dd", "\u070f", "\U000110bd", "\u0301", "\u0338", "\u200d", "\ufe0f", "\u20dd"]
SYNTAX = ["\"", "'", "<", "&", "%", "_", "\\", ",", ";", "*", "^", "(", ")", ":", "-", "+", "{", "}", "#", "/", "\u037e"]
NASTY = sorted({
    *(f"abc{merging}{syntax}" for merging in MERGING for syntax in SYNTAX),
    *(f"ab{syntax}{merging}" for merging in MERGING for syntax in SYNTAX),
    "\"", "\"\"", "ab\"", "\"ab\" OR \"x", "abc* NEAR(x)", "NOT abc", "a\\", "%%%", "___", "\\%\\_", "abc\u0600\"; DROP TABLE products; --",
    "\u0600" * 100, "\u0301" * 100, "\u202eabc", "\U0001f468\u200d\U0001f469", "\ufffe\uffff", "\U0010ffff", "\t\n\r", "a\u2028b", "ＡＢＣ", "İ",
    "-1", "1e400", "9" * 40, "null", "[]", "{}", "019bd3a6-6f5e-7c1d-8f3a-2b9d4f6c1e70\u0301", "2026-01-01T00:00:00Z\u0301", "desc;--",
})


@pytest.fixture(scope="module")
def shop(market):
    return market.shop(f"text-{secrets.token_hex(3)}")


def search(market, text: str):
    return ask(market.souk, "GET", f"/api/v1/products?q={urllib.parse.quote(text, safe='')}")


# -- Search


@pytest.mark.parametrize("text", ["abc\u0600\"", "ab\"\u0301", "abc\u0600'", "abc\u0600%", "ab\\\u0338"])
def test_a_quote_that_merges_with_its_neighbour_is_searched_for(market, shop, text):
    name = f"x{secrets.token_hex(4)} {text.replace(chr(0x600), '')}"
    body = {"name": name, "variants": [{"sku": f"Q-{secrets.token_hex(4)}", "attributes": {}, "price": gbp(100)}]}
    product = shop.client.post("/api/v1/products", body).data
    shop.client.patch(f"/api/v1/products/{product['id']}", {"status": "published"}, f'"{product["version"]}"')
    assert search(market, text).status == 200
    found = search(market, name)
    assert found.status == 200 and [p["id"] for p in found.data] == [product["id"]]


def parameters() -> list[tuple[str, str, dict]]:
    """Every query parameter of every documented GET route: path, name, schema."""
    document = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())

    def resolved(node: dict) -> dict:
        while "$ref" in node:
            target = document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node

    found = []
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        own = map(resolved, shared + item.get("get", {}).get("parameters", []))
        found += [(path, parameter["name"], parameter) for parameter in own if "get" in item and parameter["in"] == "query"]
    return found


def test_every_get_route_is_printed_by_the_binary(binary):
    printed = subprocess.run([binary, "routes"], capture_output=True, text=True, timeout=60, check=True).stdout
    assert {f"GET {path}" for path, _, _ in parameters()} <= set(printed.splitlines())


@pytest.fixture(scope="module")
def readers(market, shop):
    """Who may ask, and the ids that paths need, so that no route ends at a missing thing."""
    ids = {"/products/": shop.sell()["product_id"], "/vendors/": shop.vendor["id"], "/stores/": shop.store["id"]}
    return [market.admin.sign_in(), shop.client.sign_in(), market.shopper().sign_in(), None], ids


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, name, _ in parameters()])
def test_no_text_of_a_query_ends_in_a_server_error(market, readers, path, name):
    tokens, ids = readers
    known = next((known for part, known in ids.items() if part in path), "019bd3a6-6f5e-7c1d-8f3a-2b9d4f6c1e70")
    path = path.replace("{id}", known)
    token = next((t for t in tokens if ask(market.souk, "GET", path, headers=bearer(t)).status not in (401, 403)), None)
    for text in NASTY:
        target = f"{path}?{name}={urllib.parse.quote(text, safe='')}"
        reply = ask(market.souk, "GET", target, headers=bearer(token))
        assert reply.status < 500 and reply.status != 429, f"{target}: {reply.raw[:300]}"
        if reply.status >= 400:
            problem(reply, reply.status)


def bearer(token: str | None) -> dict:
    return {"Authorization": f"Bearer {token}"} if token else {}


# -- Names


@pytest.mark.parametrize("name", [
    "\u0600<a href=https://evil.test>Prize</a>", "a\u202eb", "a\u2066b", "a\u2028b", "\u200d\u200d", "\u3164", "a\u00adb", "a\ue000b", "\u0301x",
    "a" + "\u0301" * 9, "a\u001b[2J", "a\ufeffb", "a\U000e0061b",
])
def test_names_show_all_that_they_are(market, shop, name):
    def refused(reply, field="name"):
        document = problem(reply, 422, "validation.failed")
        assert [e["field"] for e in document["errors"]] == [field] and document["errors"][0]["code"] == "characters", document

    account = {"email": f"{secrets.token_hex(6)}@text.test", "password": secrets.token_urlsafe(20), "name": name}
    refused(ask(market.souk, "POST", "/api/v1/auth/register", account))
    token = bearer(shop.client.sign_in())
    refused(ask(market.souk, "PATCH", "/api/v1/users/me", {"name": name}, token))
    product = {"name": name, "variants": [{"sku": "N-1", "attributes": {}, "price": gbp(1)}]}
    refused(ask(market.souk, "POST", "/api/v1/products", product, token | key()))
    product = {"name": "x", "variants": [{"sku": "N-1", "attributes": {"Colour": name}, "price": gbp(1)}]}
    refused(ask(market.souk, "POST", "/api/v1/products", product, token | key()), "variants[0].attributes.Colour")
    order = {"shipping_address": ADDRESS | {"line1": name}}
    refused(ask(market.souk, "POST", "/api/v1/checkout", order, token | key()), "shipping_address.line1")


@pytest.mark.parametrize("name", [
    "Zoë O'Neill & Söhne", "علی\u200cرضا", "क\u094d\u200dष", "\U0001f469\u200d\U0001f680 Rocket", "日本語", "<b>\"x\"</b>", "Ga\u0301\u0302\u0303",
])
def test_names_of_all_scripts_are_names(market, name):
    client = market.shopper()
    assert client.patch("/api/v1/users/me", {"name": name}).data["name"] == name


def key() -> dict:
    return {"Idempotency-Key": secrets.token_hex(8)}


def test_descriptions_have_lines_and_close_their_directions(market, shop):
    def post(text):
        body = {"name": "D", "description": text, "variants": [{"sku": f"D-{secrets.token_hex(4)}", "attributes": {}, "price": gbp(1)}]}
        return ask(market.souk, "POST", "/api/v1/products", body, bearer(shop.client.sign_in()) | key())

    for text in ["a\n\tb\r\nc", "\u2067עברית\u2069 x", "a\u200eb"]:
        assert post(text).data["description"] == text
    for text in ["\u202ea", "\u2066a\nb\u2069", "\u0600<b>", "a\u0000", "a\ufeff", "a" + "\u0301" * 9]:
        assert problem(post(text), 422)["errors"][0]["field"] == "description"


# -- Syntax in values


@pytest.mark.parametrize("sku", ["A\u0600,B", "A,\u0301B", ",", "A\u06dd,"])
def test_no_comma_passes_the_rule_against_commas(market, shop, sku):
    items = {"items": [{"sku": sku, "on_hand": 1}]}
    path = f"/api/v1/stores/{shop.store['id']}/inventory"
    problem(ask(market.souk, "PUT", path, items, bearer(shop.client.sign_in()) | key()), 422, "validation.failed")


@pytest.mark.parametrize("email", ["\u212aevin@text.test", "a\u0301@text.test", "a@text.test\u0600,b@evil.test", "a@b@text.test", "a@text\u3002test"])
def test_addresses_are_ascii(market, email):
    account = {"email": email, "password": secrets.token_urlsafe(20), "name": "Kevin"}
    problem(ask(market.souk, "POST", "/api/v1/auth/register", account), 422, "validation.failed")


@pytest.mark.parametrize("url", [
    "https://localhost/x", "https://10.0.0.1/x", "https://169.254.169.254/latest/meta-data", "https://2130706433/", "https://0x7f.1/",
    "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://a.test\\@evil.test/", "https://a.test/%zz", "https://a.test:99999/",
    "https://souk.internal/", "https://a.test./x", "https://a.test/é", "https://\u212a.test/",
])
def test_media_is_on_public_hosts(market, shop, url):
    body = {"name": "M", "media": [{"url": url}], "variants": [{"sku": f"M-{secrets.token_hex(4)}", "attributes": {}, "price": gbp(1)}]}
    document = problem(ask(market.souk, "POST", "/api/v1/products", body, bearer(shop.client.sign_in()) | key()), 422)
    assert document["errors"][0]["field"] == "media[0].url"


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00x", "\\ud83d\\u0022"])
def test_lone_surrogates_are_no_text(market, escape):
    raw = '{"email": "s@text.test", "password": "correct horse battery", "name": "a' + escape + '"}'
    assert 400 <= ask(market.souk, "POST", "/api/v1/auth/register", raw, {"Content-Type": "application/json"}).status < 500


# -- Pages that hold a secret


def test_pages_with_a_secret_are_kept_by_no_cache(market, shop):
    ada = market.shopper()
    order = market.checkout(ada, [(shop.sell(), 1)])
    path = urllib.parse.urlsplit(order["payment"]["pay_url"]).path
    for accept in ["text/html", "application/json"]:
        for headers in [{"Accept": accept}, {"Accept": accept, "If-None-Match": "*"}]:
            reply = ask(market.souk, "GET", path, headers=headers)
            assert reply.status == 200 and reply.headers["cache-control"] == "no-store", accept
            assert reply.headers["referrer-policy"] == "no-referrer" and reply.headers["x-frame-options"] == "DENY"
            assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert json.loads(ask(market.souk, "GET", path, headers={"Accept": "application/json"}).raw)["data"]["state"] == "pending"
    for path in ["/api/v1/cart", "/api/v1/orders", "/api/v1/users/me", "/api/v1/notifications", f"/api/v1/orders/{order['id']}"]:
        assert ask(market.souk, "GET", path, headers=bearer(ada.sign_in())).headers["cache-control"] == "no-store", path
