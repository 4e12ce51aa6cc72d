"""Prepares the market that the invoices are traded in: customers, eight vendors with a store each, and their goods.

Everything here looks before it makes, so that an interrupted preparation goes on where it was.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from souk_client import ApiError, Client

from .invoices import VENDORS, Book, sku_of, vendor_of

CURRENCY = "GBP"
NAMES = ["Alder & Ash", "Bramble Lane", "Cobalt House", "Dovetail", "Ember Row", "Foxglove", "Gable End", "Hearthstone"]


class Vendor:
    """One of the eight vendors: its owner's client, its store, and the variants of its goods by SKU."""

    def __init__(self, index: int, client: Client):
        self.index, self.client, self.name = index, client, NAMES[index]
        self.id = self.store = ""
        self.variants: dict[str, str] = {}


class Market:
    def __init__(self, url: str, admin: Client, secret: str, progress):
        self.url, self.admin, self.secret, self.progress = url, admin, secret, progress
        self.vendors = [Vendor(i, self.user(f"vendor-{i + 1}")) for i in range(VENDORS)]
        self.customers: dict[str, Client] = {}

    def user(self, name: str) -> Client:
        return self.admin.as_user(f"{name}@replay.example", f"{name}:{self.secret}")

    def prepare(self, book: Book) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.open_vendor, self.vendors))
            self.each(pool, "catalogue", self.goods(book), self.list_product)
            list(pool.map(lambda vendor: self.stock(vendor, book), self.vendors))
            self.each(pool, "customers", book.customers, self.enrol)

    def each(self, pool, what: str, items, work) -> None:
        items = list(items)
        for done, _ in enumerate(pool.map(work, items), 1):
            self.progress(what, done, len(items))

    # -- people

    def enrol(self, customer: str) -> None:
        client = self.user(f"customer-{customer}")
        client.join(f"Customer {customer}")
        self.customers[customer] = client

    def open_vendor(self, vendor: Vendor) -> None:
        client = vendor.client
        client.join(f"Owner of {vendor.name}")
        self.make(client, "/api/v1/vendors", {"name": vendor.name, "slug": f"replay-{vendor.index + 1}"})
        vendor.id = client.get("/api/v1/vendors/me").data["id"]
        self.admin.post(f"/api/v1/admin/vendors/{vendor.id}/approve")
        self.make(client, "/api/v1/stores", {"name": vendor.name, "slug": f"replay-store-{vendor.index + 1}"})
        vendor.store = next(iter(client.pages("/api/v1/vendors/me/stores")))["id"]
        for product in client.pages("/api/v1/vendor/products"):
            self.remember(vendor, product)

    @staticmethod
    def make(client: Client, path: str, body: dict) -> None:
        """Makes something whose slug is unique, unless that was done before, even if its answer was lost."""
        try:
            client.post(path, body)
        except ApiError as error:
            if error.status != 409:
                raise

    # -- goods

    def goods(self, book: Book):
        """(vendor, stock code, name, prices) of what is not listed yet."""
        for code, prices in sorted(book.prices().items()):
            vendor = self.vendors[vendor_of(code)]
            if any(sku_of(code, pence) not in vendor.variants for pence in prices):
                yield vendor, code, book.descriptions[code], sorted(prices)

    def list_product(self, wanted) -> None:
        vendor, code, name, prices = wanted
        variants = [
            {"sku": sku_of(code, pence), "attributes": {"stock_code": code},
             "price": {"amount": pence, "currency": CURRENCY}}
            for pence in prices]
        body = {
            "name": f"{name.title()} ({code})"[:200], "slug": f"item-{code.lower()}", "status": "published",
            "variants": variants}
        try:
            product = vendor.client.post("/api/v1/products", body, key=f"product-{code}").data
        except ApiError as error:
            if error.status != 409:
                raise
            product = next(iter(vendor.client.pages("/api/v1/vendor/products", sku=variants[0]["sku"])))
        self.remember(vendor, product)

    @staticmethod
    def remember(vendor: Vendor, product: dict) -> None:
        for variant in product["variants"]:
            vendor.variants[variant["sku"]] = variant["id"]

    def stock(self, vendor: Vendor, book: Book) -> None:
        """Gives each store exactly what the files sell of each SKU, once."""
        present = {item["sku"] for item in vendor.client.pages(f"/api/v1/stores/{vendor.store}/inventory")}
        missing = [
            {"sku": sku, "on_hand": quantity}
            for sku, quantity in sorted(book.sold().items())
            if vendor_of(sku.rsplit("-", 1)[0]) == vendor.index and sku not in present]
        for start in range(0, len(missing), 500):
            batch = missing[start:start + 500]
            vendor.client.put(
                f"/api/v1/stores/{vendor.store}/inventory", {"items": batch},
                key=f"stock-{vendor.store}-{batch[0]['sku']}-{len(batch)}")

    # -- looking things up

    def vendor_for(self, sku: str) -> Vendor:
        return self.vendors[vendor_of(sku.rsplit("-", 1)[0])]

    def variant(self, sku: str) -> str:
        return self.vendor_for(sku).variants[sku]

    def vendor_by_id(self) -> dict[str, Vendor]:
        return {vendor.id: vendor for vendor in self.vendors}
