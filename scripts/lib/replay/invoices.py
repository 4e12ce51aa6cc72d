"""Reads a folder of invoices and decides, row by row and from the files alone, what can be traded.

Columns: InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country. An invoice number that
begins with C is a cancellation: its rows give back what the customer bought before.
"""

from __future__ import annotations

import csv
import pathlib
import re
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

VENDORS = 8
COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
MERCHANDISE = re.compile(r"^\d{5}[A-Z]{0,3}$")
MAX_QUANTITY = 1_000_000


class BadInput(Exception):
    """The folder can't be replayed; the message says why."""


@dataclass(frozen=True)
class Row:
    invoice: str
    code: str
    quantity: int  # positive, also in cancellations
    pence: int
    time: str
    customer: str
    country: str

    @property
    def day(self) -> str:
        return self.time[:10]

    @property
    def sku(self) -> str:
        return sku_of(self.code, self.pence)

    @property
    def total(self) -> int:
        return self.quantity * self.pence


@dataclass
class Invoice:
    number: str
    customer: str
    country: str
    time: str
    rows: list[Row] = field(default_factory=list)

    @property
    def is_cancellation(self) -> bool:
        return self.number.startswith("C")

    @property
    def day(self) -> str:
        return self.time[:10]

    def quantities(self) -> dict[str, int]:
        """SKU → quantity: rows of one SKU are one line of the cart."""
        total: Counter = Counter()
        for row in self.rows:
            total[row.sku] += row.quantity
        return dict(total)


@dataclass
class Book:
    """What the files say."""

    invoices: list[Invoice]  # tradable ones, by time
    read: int
    rejected: Counter  # reason → rows
    descriptions: dict[str, str]  # stock code → name

    @property
    def orders(self) -> list[Invoice]:
        return [i for i in self.invoices if not i.is_cancellation]

    @property
    def cancellations(self) -> list[Invoice]:
        return [i for i in self.invoices if i.is_cancellation]

    @property
    def accepted(self) -> int:
        return sum(len(i.rows) for i in self.invoices)

    @property
    def customers(self) -> list[str]:
        return sorted({i.customer for i in self.invoices})

    def prices(self) -> dict[str, set[int]]:
        """Stock code → its prices in pence."""
        found = defaultdict(set)
        for invoice in self.orders:
            for row in invoice.rows:
                found[row.code].add(row.pence)
        return found

    def sold(self) -> Counter:
        return self.quantities(self.orders)

    def returned(self) -> Counter:
        return self.quantities(self.cancellations)

    @staticmethod
    def quantities(invoices: list[Invoice]) -> Counter:
        total: Counter = Counter()
        for invoice in invoices:
            total.update(invoice.quantities())
        return total


def vendor_of(code: str) -> int:
    """Which of the eight vendors sells a stock code: CRC-32 of the code, modulo eight."""
    return zlib.crc32(code.encode()) % VENDORS


def sku_of(code: str, pence: int) -> str:
    """The retailer sold one stock code at several prices; each price is a variant with a SKU of its own."""
    return f"{code}-{pence}"


def read_folder(folder: str) -> Book:
    files = sorted(pathlib.Path(folder).glob("*.csv"))
    if not files:
        raise BadInput(f"{folder}: no *.csv files there")
    raw = [row for file in files for row in read_file(file)]
    descriptions = names_of(raw)
    rejected: Counter = Counter()
    invoices: dict[str, Invoice] = {}
    for cells in raw:
        row, reason = examine(cells, descriptions)
        if reason:
            rejected[reason] += 1
            continue
        invoice = invoices.setdefault(row.invoice, Invoice(row.invoice, row.customer, row.country, row.time))
        if invoice.customer != row.customer:
            rejected["invoice_of_another_customer"] += 1
            continue
        invoice.rows.append(row)
    ordered = sorted(invoices.values(), key=lambda i: (i.time, i.number))
    kept = match_cancellations(ordered, rejected)
    return Book([i for i in kept if i.rows], len(raw), rejected, descriptions)


def read_file(file: pathlib.Path) -> list[dict]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if reader.fieldnames != COLUMNS:
                raise BadInput(f"{file}: the columns must be {','.join(COLUMNS)}")
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file}: {error}") from error


def names_of(raw: list[dict]) -> dict[str, str]:
    """Stock code → the description most often given to it; ties go to the first in the alphabet."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for cells in raw:
        name = " ".join((cells["Description"] or "").split())
        if name:
            counts[(cells["StockCode"] or "").strip().upper()][name] += 1
    return {code: min(c, key=lambda name: (-c[name], name)) for code, c in counts.items()}


def examine(cells: dict, descriptions: dict[str, str]) -> tuple[Row | None, str | None]:
    """A row, or why it can't be traded."""
    number = (cells["InvoiceNo"] or "").strip().upper()
    code = (cells["StockCode"] or "").strip().upper()
    customer = (cells["CustomerID"] or "").strip().removesuffix(".0")
    try:
        quantity = int(cells["Quantity"])
        pence = Decimal(cells["UnitPrice"]) * 100
    except (TypeError, ValueError, InvalidOperation):
        return None, "unreadable_number"
    if not number or not re.match(r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}", cells["InvoiceDate"] or ""):
        return None, "unreadable_row"
    if not MERCHANDISE.match(code):
        return None, "not_merchandise"  # postage, fees, discounts, manual adjustments
    if pence <= 0:
        return None, "no_price"
    if pence != pence.to_integral_value():
        return None, "fraction_of_a_penny"
    if not customer:
        return None, "no_customer"
    if code not in descriptions:
        return None, "no_description"
    if number.startswith("C"):
        quantity = -quantity
    if quantity <= 0:
        return None, "quantity_has_the_wrong_sign"
    if quantity > MAX_QUANTITY:
        return None, "quantity_too_large"
    time = cells["InvoiceDate"].strip()
    return Row(number, code, quantity, int(pence), time, customer, (cells["Country"] or "").strip()), None


def match_cancellations(invoices: list[Invoice], rejected: Counter) -> list[Invoice]:
    """Keeps of each cancellation the rows whose whole quantity that customer had bought before at that price."""
    held: dict[tuple[str, str], int] = defaultdict(int)
    for invoice in invoices:
        kept = []
        for row in invoice.rows:
            key = (row.customer, row.sku)
            if not invoice.is_cancellation:
                held[key] += row.quantity
            elif held[key] >= row.quantity:
                held[key] -= row.quantity
            else:
                rejected["nothing_bought_to_give_back"] += 1
                continue
            kept.append(row)
        invoice.rows = kept
    return invoices
