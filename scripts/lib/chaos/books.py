"""What all databases and the provider's own records say, read at once as the superuser."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

from cluster.cluster import Cluster
from cluster.description import services

from . import witness


def consumers() -> list[str]:
    """The services that handle events."""
    return [name for name, service in services().items() if service.topics]


@dataclass
class Books:
    """Rows as dictionaries, by what they are."""

    orders: list[dict]
    lines: list[dict]
    sagas: list[dict]
    order_keys: list[dict]
    intents: list[dict]
    refunds: list[dict]
    ledger: list[dict]
    transactions: list[dict]
    balances: list[dict]
    webhooks: list[dict]
    charges: list[dict]
    open_webhooks: list[dict]
    inventory: list[dict]
    movements: list[dict]
    reservations: list[dict]
    vendor_orders: list[dict]
    sold: list[dict]
    customers: list[dict]
    notifications: list[dict]
    emails: list[dict]
    # Of every service: rows with `service`.
    outboxes: list[dict]
    inbox: list[dict]
    dead_letters: list[dict]
    # Every event that was ever put into an outbox.
    events: list[dict]


QUERIES = {
    "orders": ("order", "SELECT id, number, customer_id, idempotency_key, status, currency, total_amount, refunded_amount,"
               " was_paid, paid_at, payment_id, payment_state, expires_at, cancel_reason, failure FROM orders"),
    "lines": ("order", "SELECT order_id, p.store_id, sku, quantity FROM order_lines"
              " JOIN order_parts p USING (order_id, vendor_order_id)"),
    "sagas": ("order", "SELECT order_id, step, attempts, last_error FROM sagas"),
    "order_keys": ("order", "SELECT customer_id, idempotency_key AS key, count(*) AS orders FROM orders GROUP BY 1, 2"),
    "intents": ("payment", "SELECT id, order_id, amount, captured, refunded, currency, state, reference FROM payment_intents"),
    "refunds": ("payment", "SELECT id, payment_id, order_id, amount, state FROM refunds"),
    "ledger": ("payment", "SELECT transaction_id, account, currency, amount FROM ledger_entries"),
    "transactions": ("payment", "SELECT id, kind, reference, payment_id, order_id FROM ledger_transactions"),
    "balances": ("payment", "SELECT account, currency, balance FROM ledger_balances"),
    "webhooks": ("payment", "SELECT event_id, type, reference, outcome FROM webhook_events"),
    "charges": ("sandbox", "SELECT reference, payment_id, order_id, amount, captured, refunded, status FROM charges"),
    "open_webhooks": ("sandbox", "SELECT event_id, attempts, last_error FROM webhooks WHERE delivered_at IS NULL"),
    "inventory": ("vendor", "SELECT store_id, sku, on_hand, reserved FROM inventory"),
    "movements": ("vendor", "SELECT store_id, sku, reason, sum(delta) AS delta FROM inventory_movements GROUP BY 1, 2, 3"),
    "reservations": ("vendor", "SELECT r.order_id, r.state, l.store_id, l.sku, l.quantity FROM reservations r"
                     " JOIN reservation_lines l ON l.reservation_id = r.id"),
    "vendor_orders": ("vendor", "SELECT id, order_id, store_id, status, backordered FROM vendor_orders"),
    "sold": ("vendor", "SELECT o.store_id, l.sku, sum(l.quantity) AS quantity FROM vendor_orders o"
             " JOIN vendor_order_lines l ON l.vendor_order_id = o.id"
             " WHERE o.status <> 'cancelled' AND o.backordered = 0 GROUP BY 1, 2"),
    "customers": ("auth", "SELECT id, email FROM users ORDER BY created_at, id"),
    "notifications": ("notification", "SELECT id, user_id, event_id, kind, subject::json ->> 'order_id' AS order_id"
                      " FROM notifications"),
    "emails": ("notification", "SELECT notification_id AS mail_id, attempts, next_at FROM emails WHERE state = 'pending' UNION ALL"
               " SELECT request_id, attempts, next_at FROM account_mails WHERE state = 'pending'"),
}
EVERYWHERE = {
    "outboxes": "SELECT event_id, topic, type FROM outbox",
    "inbox": "SELECT event_id FROM inbox",
    "dead_letters": "SELECT event_id, type, topic, error FROM dead_letters",
}


def rows(cluster: Cluster, database: str, sql: str) -> list[dict]:
    return answers(cluster, database, [sql])[0]


def answers(cluster: Cluster, database: str, queries: list[str]) -> list[list[dict]]:
    """The rows of each query, asked in one go."""
    statements = [f"SELECT coalesce(json_agg(row_to_json(found)), '[]')::jsonb FROM ({sql}) found;" for sql in queries]
    out = cluster.postgres.psql(cluster.database(database), "\n".join(statements)).stdout
    return [json.loads(line) for line in out.splitlines()]


def read(cluster: Cluster) -> Books:
    """Reads everything. What changes meanwhile may be seen in part, so nothing should."""
    wanted: dict[str, dict[str, str]] = {database: {} for database in (*consumers(), "sandbox")}
    for name, (database, sql) in QUERIES.items():
        wanted[database][name] = sql
    for service in consumers():
        wanted[service] |= EVERYWHERE
    for service in witness.PUBLISHERS:
        wanted[service]["events"] = "SELECT event_id, topic, key, type FROM chaos_events"
    found: dict[str, list[dict]] = {field.name: [] for field in fields(Books)}
    with ThreadPoolExecutor(len(wanted)) as pool:
        read_all = pool.map(lambda database: answers(cluster, database, list(wanted[database].values())), wanted)
        for database, answer in zip(wanted, read_all, strict=True):
            for name, read_rows in zip(wanted[database], answer, strict=True):
                found[name] += read_rows if name in QUERIES else [row | {"service": database} for row in read_rows]
    return Books(**found)


# What has to come to rest before the books can be judged: a count each, by where it is.
UNSETTLED = {
    "order": "SELECT (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM sagas) AS sagas,"
             " (SELECT count(*) FROM orders WHERE status IN ('creating', 'awaiting_payment', 'cancelling')) AS unfinished_orders",
    "payment": "SELECT (SELECT count(*) FROM outbox) AS outbox,"
               " (SELECT count(*) FROM refunds WHERE state = 'pending') AS pending_refunds,"
               " (SELECT count(*) FROM payment_intents WHERE state IN ('pending', 'authorized')) AS open_intents",
    "sandbox": "SELECT (SELECT count(*) FROM webhooks WHERE delivered_at IS NULL) AS webhooks",
    "vendor": "SELECT (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM reservations WHERE state = 'held') AS holds",
    "notification": "SELECT (SELECT count(*) FROM outbox) AS outbox",
    "auth": "SELECT (SELECT count(*) FROM outbox) AS outbox",
    "product": "SELECT (SELECT count(*) FROM outbox) AS outbox",
}
# Who handles what is told of a purchase. Events of other types have consumers, too; these are those that money, stock and
# messages hang on.
HANDLED_BY = {
    "order.paid.v1": ("vendor", "notification"), "order.cancelled.v1": ("vendor", "notification"),
    "order.refund_required.v1": ("payment",), "payment.succeeded.v1": ("order",),
    "payment.failed.v1": ("order", "notification"), "payment.refunded.v1": ("order", "notification"),
    "vendor_order.created.v1": ("notification",), "vendor_order.changed.v1": ("order", "notification"),
    "vendor_order.shipment_created.v1": ("order", "notification"), "return.approved.v1": ("payment", "order", "notification"),
}


def unsettled(cluster: Cluster) -> dict[str, int]:
    """What still moves: counts by place, those that are zero left out."""
    with ThreadPoolExecutor(len(UNSETTLED)) as pool:
        counts = dict(zip(UNSETTLED, pool.map(lambda database: rows(cluster, database, UNSETTLED[database])[0], UNSETTLED), strict=True))
    moving = {f"{name} of {database}": count for database, found in counts.items() for name, count in found.items() if count}
    if not moving and (missing := unhandled(read_events(cluster), read_inboxes(cluster), set())):
        moving["unhandled events"] = len(missing)
    return moving


def read_events(cluster: Cluster, since: int = 0) -> list[dict]:
    """What was put into outboxes from a time on (microseconds)."""
    return [
        row for service in witness.PUBLISHERS
        for row in rows(cluster, service, f"SELECT event_id, type FROM chaos_events WHERE time >= {since}")]


def read_inboxes(cluster: Cluster, since: int = 0) -> dict[str, set[str]]:
    """Ids of what each service has handled from a time on, or given up."""
    return {
        service: {row["event_id"] for row in rows(
            cluster, service, f"SELECT event_id FROM inbox WHERE processed_at >= {since} UNION SELECT event_id FROM dead_letters")}
        for service in consumers()}


def unhandled(events: list[dict], inboxes: dict[str, set[str]], poisoned: set[str]) -> list[str]:
    """`type id by service` of what a service should have handled and has not."""
    return [
        f"{event['type']} {event['event_id']} by {service}" for event in events if event["event_id"] not in poisoned
        for service in HANDLED_BY.get(event["type"], ()) if event["event_id"] not in inboxes[service]]
