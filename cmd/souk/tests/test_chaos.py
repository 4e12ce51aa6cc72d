"""Chaos in short: a few faults under load leave the books right, and books that were tampered with do not pass."""

import copy
import json
import re
import signal
import subprocess
import sys

import pytest
from chaos import books, witness
from chaos.checker import RULES, Case, judge
from chaos.harm import HARMS, Limits
from chaos.journal import Journal
from chaos.plan import make_plan
from chaos.signals import signal_all
from chaos.storm import Storm
from conftest import ROOT
from souk_client import Client, wait_until

pytestmark = pytest.mark.setups("rabbitmq", reason="about processes and servers; one broker shows that chaos works")
# Quick kinds of harm of every sort; the long runs in docs/reliability.md do all of them.
QUICK = "kill,crash,redis-flush,webhook-duplicate,webhook-forged,duplicate-events,poison,reset-link"


def chaos(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, ROOT / "scripts/chaos", *map(str, arguments)], capture_output=True, text=True, timeout=300)


# -- A short run


def test_a_short_seed_leaves_no_violation(binary, tmp_path):
    result = chaos(
        "--seed", 7, "--checkouts", 40, "--faults", 7, "--harm", QUICK, "--longest", 4, "--payment-window", 12, "--workers", 6,
        "--invoices", "none", "--programs", binary.parent, "--json", tmp_path / "report.json")
    last = result.stdout.splitlines()[-1] if result.stdout else ""
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    assert re.fullmatch(r"violations=0 checkouts=40 faults=7 seed=7 seconds=\d+", last), last
    report = json.loads((tmp_path / "report.json").read_text())
    assert sum(report["faults_by_harm"].values()) == 7 and report["found"] == []
    assert report["checkouts_answered"]["placed"] > 25


def test_the_same_seed_is_the_same_plan():
    def plan(seed: int) -> list[str]:
        return [str(fault) for fault in make_plan(seed, list(HARMS), 50, 1000, Limits())]

    assert plan(1) == plan(1) != plan(2)
    assert {fault.harm.name for fault in make_plan(1, list(HARMS), 60, 1000, Limits())} == set(HARMS)


@pytest.mark.parametrize("wrong", [
    ["--harm", "earthquake"], ["--checkouts", "0"], ["--workers", "many"], ["--programs", "/nowhere"], ["--invoices", "/nowhere"],
    ["--broker", "pigeons"], ["--unknown"]])
def test_a_wrong_option_is_refused_with_exit_status_2(wrong):
    result = chaos(*wrong)
    assert result.returncode == 2 and "error:" in result.stderr and result.stdout == ""


# -- The checker, proven by mutants


class Scene:
    """A marketplace in which a small storm has come to rest, and its books were found in order."""

    def __init__(self, server):
        self.cluster = server.cluster
        self.journal = Journal()
        admin = Client(server.url, "admin@souk.example", server.admin_password, 60)
        witness.install(self.cluster)
        self.storm = Storm(admin, 1, 24, 6, self.journal)
        self.storm.prepare()
        self.storm.run()
        assert self.storm.failures == []
        self.settle()
        self.books = books.read(self.cluster)

    def settle(self) -> None:
        wait_until("everything to come to rest", lambda: not books.unsettled(self.cluster), 90)

    def judge(self) -> dict[str, list[str]]:
        """What is wrong now, by rule."""
        return by_rule(judge(Case(books.read(self.cluster), self.journal)))

    def tamper(self, database: str, sql: str) -> None:
        """As only a superuser can, past the triggers and foreign keys that would refuse it."""
        self.cluster.postgres.psql(self.cluster.database(database), f"SET session_replication_role = replica; {sql}")

    def paid_order(self) -> str:
        return next(order["id"] for order in self.books.orders if order["status"] == "paid")


def by_rule(violations) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for violation in violations:
        found.setdefault(violation.rule, []).append(violation.what)
    return found


@pytest.fixture(scope="module")
def scene(private):
    with private(
            "chaos", own_servers=True, SOUK_ORDER_PAYMENT_WINDOW="12s", SOUK_ORDER_RECONCILE_INTERVAL="2s",
            SOUK_ORDER_RECONCILE_AFTER="5s", SOUK_PAYMENT_RECONCILE_INTERVAL="2s", SOUK_PAYMENT_RECONCILE_AFTER="5s") as server:
        yield Scene(server)


def test_books_in_order_pass(scene):
    assert scene.judge() == {}
    assert len(scene.books.orders) >= 15 and len(scene.books.events) >= 30 and scene.books.ledger


# Database, table, which row, and the rule that must notice.
DROPPED = {
    "an order": ("order", "orders", "status = 'paid'", "exists"),
    "a line of an order": ("order", "order_lines", "TRUE", "exists"),
    "a payment": ("payment", "payment_intents", "state = 'captured'", "paid"),
    "an entry of the ledger": ("payment", "ledger_entries", "TRUE", "ledger"),
    "a transaction of the ledger": ("payment", "ledger_transactions", "TRUE", "ledger"),
    "a charge of the provider's": ("sandbox", "charges", "status = 'captured'", "paid"),
    "a movement of stock": ("vendor", "inventory_movements", "reason = 'sale'", "stock"),
    "a vendor order": ("vendor", "vendor_orders", "status = 'new'", "stock"),
    "a notification": ("notification", "notifications", "kind = 'order.paid'", "told"),
    "a row of an inbox": ("vendor", "inbox", "event_id IN (SELECT event_id FROM inbox ORDER BY processed_at DESC LIMIT 1)", "handled"),
    "a customer": ("auth", "users", "email LIKE 'storm-0-0@%'", "exists"),
}


@pytest.fixture
def still(scene):
    """The scene while no service runs: they would notice themselves what is gone, and mend what can be mended."""
    for service in scene.cluster.services.values():
        signal_all(service, signal.SIGSTOP)
    yield scene
    for service in scene.cluster.services.values():
        signal_all(service, signal.SIGCONT)


@pytest.mark.parametrize("what", DROPPED)
def test_a_dropped_row_is_noticed(still, what):
    database, table, which, rule = DROPPED[what]
    columns = ", ".join(row["column_name"] for row in books.rows(
        still.cluster, database, "SELECT column_name FROM information_schema.columns"
        f" WHERE table_name = '{table}' AND is_generated = 'NEVER' ORDER BY ordinal_position"))
    still.tamper(database, f"CREATE TABLE dropped AS SELECT ctid AS place, {columns} FROM {table} WHERE {which} LIMIT 1;"
                           f" DELETE FROM {table} WHERE ctid IN (SELECT place FROM dropped)")
    try:
        assert rule in still.judge(), f"nobody noticed that {what} is gone"
    finally:
        still.tamper(database, f"INSERT INTO {table} ({columns}) SELECT {columns} FROM dropped; DROP TABLE dropped")


def test_what_was_dropped_is_back(scene):
    assert scene.judge() == {}


# What is changed in the books as they were read, and the rule that must notice.
FORGED = {
    "exists": lambda b: b.orders[0].update(total_amount=b.orders[0]["total_amount"] + 1),
    "once": lambda b: b.order_keys[0].update(orders=2),
    "deadline": lambda b: b.orders[0].update(status="awaiting_payment", expires_at=0),
    "charge": lambda b: b.charges.append(captured_charge(b) | {"reference": "ch_twice"}),
    "paid": lambda b: captured_charge(b).update(captured=0),
    "ledger": lambda b: b.ledger[0].update(amount=b.ledger[0]["amount"] + 1),
    "stock": lambda b: b.inventory[0].update(on_hand=b.inventory[0]["on_hand"] + 1),
    "told": lambda b: b.notifications.append(next(n for n in b.notifications if n["kind"] == "order.paid")),
    "handled": lambda b: b.inbox.clear(),
    "outboxes": lambda b: b.outboxes.append({"event_id": "e", "topic": "orders", "type": "order.paid.v1", "service": "order"}),
    "dead letters": lambda b: b.dead_letters.append(
        {"event_id": "e", "type": "order.paid.v1", "topic": "orders", "error": "no", "service": "vendor"}),
}


def captured_charge(b) -> dict:
    return next(charge for charge in b.charges if charge["captured"] and not charge["refunded"])


@pytest.mark.parametrize("rule", FORGED)
def test_every_rule_can_fail(scene, rule):
    changed = copy.deepcopy(scene.books)
    FORGED[rule](changed)
    assert rule in by_rule(judge(Case(changed, scene.journal)))


def test_what_is_judged_beside_the_books_can_fail(scene):
    case = Case(scene.books, scene.journal, {"poison-1"}, ["a forged one was answered 200"], ["order ended with -11"])
    assert set(by_rule(judge(case))) == {"dead letters", "forged", "alive"}
    assert set(RULES) == set(FORGED) | {"forged", "alive"}


def test_a_publication_without_its_commit_is_noticed(scene):
    """The change of an order's state is lost while its event goes out: what publishing before the commit comes to."""
    lost = "WHEN (NEW.status = 'paid' AND NEW.idempotency_key LIKE 'lost-%')"
    scene.tamper("order", f"""
        CREATE FUNCTION lose_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$;
        CREATE TRIGGER lose_change BEFORE UPDATE ON orders FOR EACH ROW {lost} EXECUTE FUNCTION lose_change();""")
    try:
        order = buy(scene, "lost-1")
        published = f"SELECT 1 FROM chaos_events WHERE type = 'order.paid.v1' AND key = '{order}'"
        wait_until("order.paid to be published", lambda: books.rows(scene.cluster, "order", published), 30)
        wait_until("the customer to be told", lambda: books.rows(
            scene.cluster, "notification", f"SELECT 1 FROM notifications WHERE kind = 'order.paid' AND subject LIKE '%{order}%'"), 30)
        found = scene.judge()
    finally:
        scene.tamper("order", "DROP TRIGGER lose_change ON orders; DROP FUNCTION lose_change();")
    assert any(order in what for what in found["told"]) and any(order in what for what in found["paid"]), found


def test_a_disabled_inbox_is_noticed(scene):
    """Inbox rows vanish as they are written, and nothing else keeps a message from coming twice; events come again."""
    scene.tamper("notification", """
        CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN DELETE FROM inbox WHERE event_id = NEW.event_id; RETURN NULL; END $$;
        CREATE TRIGGER forget AFTER INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION forget();
        ALTER TABLE notifications DROP CONSTRAINT notifications_user_id_event_id_kind_key;""")
    order = buy(scene, "twice-1")
    told = f"SELECT 1 FROM notifications WHERE kind = 'order.paid' AND subject LIKE '%{order}%'"
    wait_until("the customer to be told", lambda: books.rows(scene.cluster, "notification", told), 30)
    assert witness.publish_again(scene.cluster, "order", 5) > 0
    wait_until("the customer to be told again", lambda: len(books.rows(scene.cluster, "notification", told)) > 1, 30)
    found = scene.judge()
    assert any(order in what and "2 times" in what for what in found["told"]), found
    assert any("by notification" in what for what in found["handled"]), found


def buy(scene, key: str) -> str:
    """A paid order under that key; gives its id."""
    client = scene.storm.shoppers[0][0]
    shop = scene.storm.shops[0]
    variant, _ = shop.goods[max(shop.goods)]
    client.put("/api/v1/cart/items", {"items": [{"variant_id": variant, "store_id": shop.store, "quantity": 1}]})
    address = {"name": "Ada", "line1": "1 Street", "city": "London", "postal_code": "E1 6AN", "country": "GB"}
    order = client.post("/api/v1/checkout", {"shipping_address": address}, key=key).data
    assert scene.storm.decide(client, order, "success")
    return order["id"]
