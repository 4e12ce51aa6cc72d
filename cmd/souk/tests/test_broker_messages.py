"""What events look like on the brokers' wires, read with clients that know nothing of Souk: CloudEvents 1.0 in the binary mode
of the Kafka and the AMQP protocol binding."""

import contextlib
import datetime
import json
import re
import secrets
import time
import uuid
from dataclasses import dataclass

import confluent_kafka
import pika
import pytest

# How long after a purchase its events may take to be on the broker.
SECONDS = 30
ATTRIBUTES = {"specversion", "id", "source", "type", "subject", "time"}


@dataclass
class Message:
    """A broker's message, told apart as its binding says."""
    attributes: dict[str, str]
    content_type: str
    payload: bytes

    def assert_is_event(self, kind: str, source: str, subject: str) -> dict:
        """Checks the envelope; the data."""
        assert self.attributes["specversion"] == "1.0"
        assert (self.attributes["type"], self.attributes["source"]) == (kind, source)
        assert self.attributes["subject"] == subject
        assert uuid.UUID(self.attributes["id"]).version == 7
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", self.attributes["time"])
        age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(self.attributes["time"])
        assert abs(age.total_seconds()) < 300
        traced = self.attributes.get("traceparent", f"00-{'1' * 32}-{'1' * 16}-01")
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", traced)
        assert ATTRIBUTES <= set(self.attributes) <= ATTRIBUTES | {"traceparent"}
        assert self.content_type == "application/json"
        return json.loads(self.payload)


def buy(market) -> tuple[dict, dict]:
    """An order that was paid, and who bought."""
    ada = market.shopper()
    return market.buy(ada, [(market.shop().sell(price=1234), 2)]), ada.get("/api/v1/users/me").data


def assert_tell_of(order: dict, customer: dict, messages: list[Message]) -> None:
    """The messages are those of one paid order, in order."""
    assert [m.attributes["type"] for m in messages] == ["order.placed.v1", "order.paid.v1"]
    assert len({m.attributes["id"] for m in messages}) == 2
    for message in messages:
        data = message.assert_is_event(message.attributes["type"], "/souk/order", order["id"])
        assert (data["order_id"], data["number"], data["customer_id"]) == (order["id"], order["number"], customer["id"])
        assert data["total"] == {"amount": 2468, "currency": "GBP"} == order["total"]


# -- Kafka


@contextlib.contextmanager
def kafka_reader(kafka):
    """All of the topic `orders` from its beginning, without a part in any group."""
    topic = f"{kafka.prefix}orders"
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": kafka.brokers, "group.id": f"test-{secrets.token_hex(4)}", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions
        consumer.assign([
            confluent_kafka.TopicPartition(topic, number, confluent_kafka.OFFSET_BEGINNING) for number in partitions])
        yield consumer
    finally:
        consumer.close()


@pytest.mark.setups("kafka", reason="reads with Kafka's own client")
def test_events_on_kafka_are_cloudevents(souk, market):
    order, customer = buy(market)
    records, deadline = [], time.monotonic() + SECONDS
    with kafka_reader(souk.cluster.kafka) as consumer:
        while len(records) < 2 and time.monotonic() < deadline:
            record = consumer.poll(0.5)
            if record is None:
                continue
            assert not record.error(), record.error()
            assert record.key(), "every event has a key"
            if record.key().decode() == order["id"]:
                records.append(record)
    assert len(records) == 2
    assert len({record.partition() for record in records}) == 1 and records[0].offset() < records[1].offset()
    messages = []
    for record in records:
        headers = {name: value.decode() for name, value in record.headers()}
        assert len(headers) == len(record.headers()), "no header twice"
        attributes = {name.removeprefix("ce_"): value for name, value in headers.items() if name.startswith("ce_")}
        assert len(headers) == len(attributes) + 1, f"attributes and content-type, nothing else: {set(headers)}"
        assert record.key().decode() == attributes["subject"]
        messages.append(Message(attributes, headers["content-type"], record.value()))
    assert_tell_of(order, customer, messages)


# -- RabbitMQ


@contextlib.contextmanager
def rabbitmq_reader(cluster):
    """A channel, and a queue of its own to which everything of the topic `orders` goes from now on."""
    user = cluster.namespace
    password = cluster.rabbitmq.tenants[user]
    connection = pika.BlockingConnection(pika.ConnectionParameters(
        "127.0.0.1", cluster.rabbitmq.port, user, pika.PlainCredentials(user, password)))
    try:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, "souk.events", "orders.*")
        yield channel, queue
    finally:
        connection.close()


@pytest.mark.setups("rabbitmq", reason="reads with a client of RabbitMQ")
def test_events_on_rabbitmq_are_cloudevents(souk, market):
    with rabbitmq_reader(souk.cluster) as (channel, queue):
        order, customer = buy(market)
        messages, routes = [], set()
        for method, properties, body in channel.consume(queue, auto_ack=True, inactivity_timeout=SECONDS):
            assert method, f"only {len(messages)} events within {SECONDS} s"
            headers = properties.headers
            if headers["cloudEvents:subject"] != order["id"]:
                continue
            attributes = {
                name.removeprefix("cloudEvents:"): value for name, value in headers.items() if name.startswith("cloudEvents:")}
            assert set(headers) == {f"cloudEvents:{name}" for name in attributes} | {"souk-key", "souk-position"}
            assert headers["souk-key"] == order["id"]
            assert properties.message_id == attributes["id"]
            assert properties.delivery_mode == pika.DeliveryMode.Persistent.value
            routes.add((method.exchange, method.routing_key))
            messages.append(Message(attributes, properties.content_type, body))
            if len(messages) == 2:
                break
    assert len(routes) == 1, "a key stays in its partition"
    assert_tell_of(order, customer, messages)
