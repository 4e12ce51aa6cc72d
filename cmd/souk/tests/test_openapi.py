"""docs/openapi.yaml against the routes of the binary, and against what a running server answers to generated requests."""

import copy
import json
import pathlib
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import openapi_spec_validator
import pytest
import requests
import yaml
from shop import Market

ROOT = pathlib.Path(__file__).resolve().parents[3]
HOOKS = pathlib.Path(__file__).with_name("schemathesis_hooks.py")


@pytest.fixture(scope="module")
def document() -> dict:
    return yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())


def operations(document: dict) -> dict[str, dict]:
    """`METHOD path` → operation."""
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items() for method, operation in item.items() if method != "parameters"}


def test_the_document_is_valid(document):
    openapi_spec_validator.validate(document, cls=openapi_spec_validator.OpenAPIV31SpecValidator)
    names = [operation["operationId"] for operation in operations(document).values()]
    assert len(names) == len(set(names))


def test_routes_and_document_are_the_same(binary, document):
    printed = subprocess.run([binary, "routes"], capture_output=True, text=True, timeout=60, check=True).stdout
    routes = set(printed.splitlines())
    documented = set(operations(document))
    assert routes - documented == set(), "routes without documentation"
    assert documented - routes == set(), "documentation without a route"


def test_the_server_serves_the_document(souk, document):
    reply = requests.get(f"{souk.url}/openapi.json", timeout=10)
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == document


# -- generated requests


class Stage:
    """A market in which something of everything exists, and who can be sent to look at it."""

    def __init__(self, market: Market):
        self.market = market
        self.shop, self.ada = market.shop("stage"), market.shopper()
        shop, ada = self.shop, self.ada
        goods = [shop.sell(price=100 * (n + 1), stock=100_000) for n in range(3)]
        category = market.admin.post("/api/v1/admin/categories", {"name": "Stage"}).data
        applicant = market.shopper()
        pending = applicant.post("/api/v1/vendors", {"name": "Applicant"}).data

        unpaid = market.checkout(ada, [(goods[0], 1)])
        pay_url = unpaid["payment"]["pay_url"]
        declined = market.pay(ada, market.checkout(ada, [(goods[0], 1)]), outcome="decline", until="cancelled")
        paid, accepted, shipped, returned = (market.buy(ada, [(goods[n % 3], 3), (goods[1], 2)]) for n in range(4))
        market.settle()
        shop.client.post(f"/api/v1/vendor-orders/{shop.part(accepted)['id']}/accept")
        parts = [shop.part(paid), shop.part(accepted), shop.ship(shipped), shop.ship(returned)]
        shop.deliver(returned)
        line = parts[3]["lines"][0]["id"]
        back = ada.post(
            f"/api/v1/vendor-orders/{parts[3]['id']}/returns",
            {"lines": [{"line_id": line, "quantity": 1}], "reason": "Too small"}, key=secrets.token_hex(8)).data
        ada.put("/api/v1/cart/items", {"items": [{"variant_id": goods[0]["id"], "quantity": 1}]})
        market.settle()
        self.orders = [unpaid, declined, paid, accepted, shipped, returned]
        products = [p["product_id"] for p in goods]

        def notes(client):
            return [n["id"] for n in client.pages("/api/v1/notifications")]

        self.values = {
            "users": [ada.get("/api/v1/users/me").data["id"], shop.client.get("/api/v1/users/me").data["id"]],
            "products": products, "variants": [v["id"] for v in goods], "skus": [v["sku"] for v in goods],
            "categories": [category["id"]], "vendors": [shop.vendor["id"], pending["id"]], "stores": [shop.store["id"]],
            "orders": [o["id"] for o in self.orders], "parts": [p["id"] for p in parts],
            "lines": [line["id"] for p in parts for line in p["lines"]],
            "shipments": [s["id"] for p in parts[2:] for s in p["shipments"]], "returns": [back["id"]],
            "payments": [o["payment"]["id"] for o in self.orders],
            "items": [i["id"] for i in ada.get("/api/v1/cart").data["items"]],
            "notifications": notes(ada) + notes(shop.client), "charges": [pay_url.rsplit("/", 1)[1]],
            "tags": [f'"{n}"' for n in range(1, 6)], "countries": ["GB", "FR"], "currencies": ["GBP"],
        }

    def token(self, role: str) -> str | None:
        clients = {"admin": self.market.admin, "vendor": self.shop.client, "customer": self.ada}
        return clients[role].sign_in() if role in clients else None


@pytest.fixture(scope="module")
def stage(private):
    """A server of its own, for what is sent here is wild."""
    with private("stage") as server:
        yield Stage(Market(server))


CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "positive_data_acceptance", "missing_required_header",
    "unsupported_method", "ignored_auth",
]
# Which values of the stage fit which parameters: by path, or by a part of it.
PARAMETERS = [
    ("/checkout", {"body.shipping_address.country": "countries"}),
    ("/admin/users/", {"path.id": "users"}),
    ("/products/", {"path.id": "products", "path.variant_id": "variants", "body.price.currency": "currencies"}),
    ("/admin/categories/", {"path.id": "categories"}),
    ("/vendors/", {"path.id": "vendors"}),
    ("/stores/", {"path.id": "stores", "query.sku": "skus", "body.sku": "skus", "body.items[*].sku": "skus"}),
    ("/cart", {"path.id": "items", "body.variant_id": "variants", "body.items[*].variant_id": "variants"}),
    ("/orders/", {"path.id": "orders"}),
    ("/vendor-orders/", {"path.id": "parts", "path.shipment_id": "shipments", "body.lines[*].line_id": "lines"}),
    ("/returns/", {"path.id": "returns"}),
    ("/payments/", {"path.id": "payments", "body.vendor_id": "vendors"}),
    ("/commissions/", {"path.vendor_id": "vendors"}),
    ("/notifications/", {"path.id": "notifications"}),
    ("/sandbox/", {"path.token": "charges"}),
]
# Where a schema can't say all: max_price may lie below min_price, a signature be wrong, a form hold control characters.
UNSAYABLE = ["listProducts", "receiveWebhook", "pay"]


def configuration(stage: Stage, document: dict) -> str:
    """schemathesis.toml: real ids often enough that more than 404 is seen, and what may answer a wrong request."""
    lines = [
        "continue-on-failure = true", f"hooks = {json.dumps(str(HOOKS))}", "[cache]", "enabled = false",
        "[auth]", "auto-signup = false", "[dictionaries]",
        *(f"{name} = {{ values = {json.dumps(values)} }}" for name, values in stage.values.items()),
    ]
    refusals = '["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "428"]'
    expected = {
        "negative_data_rejection": refusals, "missing_required_header": refusals,
        # A request that fits its schema may fail for the state of things, never because it can't be read.
        "positive_data_acceptance": '["2xx", "3xx", "401", "403", "404", "409", "412", "422", "428"]',
    }
    lines += ["[checks]", "enabled = false"]
    for check in CHECKS:
        lines += [f"[checks.{check}]", "enabled = true"]
        lines += [f"expected-statuses = {expected[check]}"] if check in expected else []
    for name, operation in operations(document).items():
        bound = {"header.If-Match": "tags"}
        for part, names in PARAMETERS:
            if part in name and (part != "/orders/" or "/vendor-orders/" not in name):
                bound |= {k: v for k, v in names.items() if not k.startswith("path.") or f"{{{k[5:]}}}" in name}
        bindings = ", ".join(f'"{k}" = {{ dictionary = "{v}", probability = 0.6 }}' for k, v in bound.items())
        lines += ["[[operations]]", f'include-name = "{name}"', f"parameters = {{ {bindings} }}"]
        if operation["operationId"] in UNSAYABLE:
            lines.append("checks.positive_data_acceptance.enabled = false")
    return "\n".join(lines) + "\n"


def strict(document: dict) -> dict:
    """The document with every object of an answer closed: here members that it doesn't know are faults.

    By `propertyNames`, because Schemathesis lets answers have more members than `additionalProperties: false` allows.
    """
    document = copy.deepcopy(document)

    def close(node):
        if isinstance(node, dict):
            if "properties" in node and "additionalProperties" not in node:
                node["propertyNames"] = {"enum": sorted(node["properties"])}
            for value in node.values():
                close(value)
        elif isinstance(node, list):
            for value in node:
                close(value)

    schemas = document["components"]["schemas"]
    close({name: schema for name, schema in schemas.items() if name not in ("PayForm", "Webhook")})
    schemas["Meta"]["maxProperties"] = 0
    return document


def run(stage: Stage, document: dict, role: str, folder: pathlib.Path) -> subprocess.CompletedProcess:
    """Schemathesis as one role, on what that role is meant for."""
    folder.mkdir()
    (folder / "schemathesis.toml").write_text(configuration(stage, document))
    (folder / "openapi.json").write_text(json.dumps(strict(document)))
    token = stage.token(role)
    mine = [operation["operationId"] for operation in operations(document).values() if is_for(role, operation)]
    command = [
        pathlib.Path(sys.executable).parent / "st", "run", "openapi.json", "--url", stage.market.souk.url,
        "--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--seed", "1",
        "--workers", "1", "--max-redirects", "0", "--no-shrink", "--warnings", "off", "--no-color",
        *(argument for name in mine for argument in ("--include-operation-id", name)),
        *(["-H", f"Authorization: Bearer {token}"] if token else []),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def is_for(role: str, operation: dict) -> bool:
    """Whether the operation is exercised in this role; that others are turned away is tested in test_ownership.py."""
    security = operation.get("security", [{"accessToken": []}])
    match role:
        case "anonymous":
            return security == [] or {} in security
        case "admin":
            return "admin" in operation["tags"]
        case _:
            return security != [] and "admin" not in operation["tags"]


ROLES = ["vendor", "customer", "anonymous", "admin"]


@pytest.fixture(scope="module")
def runs(stage, document, tmp_path_factory):
    """Role → run. Two at a time; the admin last, who may take the others' roles away."""
    folder = tmp_path_factory.mktemp("schemathesis")
    with ThreadPoolExecutor(2) as pool:
        yield {role: pool.submit(run, stage, document, role, folder / role) for role in ROLES}


@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_documented(runs, stage, role):
    outcome = runs[role].result()
    assert outcome.returncode == 0, outcome.stdout[-20_000:] + outcome.stderr[-2_000:]
    assert stage.market.souk.running
