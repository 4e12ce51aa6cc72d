"""WebSockets pass through; nothing else turns a connection into a tunnel."""

import hashlib
import os
import threading

import pytest
from gateway_process import wait_until
from h1client import Client, fresh
from recorder import Exchange, settles

HANDSHAKE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "chat", "Sec-WebSocket-Extensions": "permessage-deflate",
    "Origin": "https://shop.example"}
SWITCH = (
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n")


def talkative(exchange: Exchange) -> None:
    """Echoes every byte in upper case, until `bye`."""
    exchange.send(SWITCH + "welcome")
    while exchange.connection.waiting or exchange.connection.fill():
        data, exchange.connection.waiting = exchange.connection.waiting, b""
        exchange.send(data.upper())
        if data.endswith(b"bye"):
            return exchange.close()


def opened(gateway, path: str, more: bytes = b"") -> Client:
    client = Client(gateway)
    client.request("GET", path, HANDSHAKE)
    if more:
        client.send(more)
    reply = client.reply()
    assert reply.status == 101
    assert (reply.get("upgrade"), reply.get("connection").lower()) == ("websocket", "upgrade")
    assert reply.get("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" and reply.get("sec-websocket-protocol") == "chat"
    return client


def test_bytes_pass_both_ways(gateway, app):
    path = fresh()
    app.on(path)(talkative)
    with opened(gateway, path) as client:
        assert client.exactly(7) == b"welcome"
        for word in (b"hello", b"\x00\x01GET / HTTP/1.1\r\n\r\n", b"x" * 70_000):
            client.send(word)
            assert client.exactly(len(word)) == word.upper()
        client.send(b"bye")
        assert client.rest() == b"BYE"
    request = app.only(path)
    for name, value in HANDSHAKE.items():
        assert request.get(name.lower()).lower() == value.lower(), name


def test_a_client_that_goes_ends_the_connection_to_the_service(gateway, app):
    path, closed = fresh(), []

    @app.on(path)
    def wait(exchange: Exchange) -> None:
        exchange.send(SWITCH)
        closed.append(exchange.wait_for_close())

    opened(gateway, path).close()
    wait_until("the service's connection to end", lambda: closed, 5)
    assert closed == [True]


def test_what_a_client_sends_before_the_answer_is_not_lost(gateway, app):
    path = fresh()
    early = os.urandom(200_000)

    @app.on(path)
    def late(exchange: Exchange) -> None:
        # The gateway has read what it will by now.
        settles(lambda: len(exchange.connection.waiting), 0.2)
        talkative(exchange)

    with Client(gateway) as client:
        client.request("GET", path, HANDSHAKE)
        threading.Thread(target=client.send, args=(early + b"and more",)).start()
        assert client.head().status == 101
        assert client.exactly(7) == b"welcome"
        assert client.exactly(len(early) + 8) == (early + b"and more").upper()


def test_a_peer_that_does_not_read_holds_the_other_back(gateway, app):
    path, sent = fresh(), [0]
    block, count = os.urandom(1 << 16), 512

    @app.on(path)
    def flood(exchange: Exchange) -> None:
        exchange.send(SWITCH)
        for _ in range(count):
            exchange.send(block)
            sent[0] += len(block)
        exchange.close()

    with opened(gateway, path) as client:
        before = gateway.memory_kilobytes()
        assert settles(lambda: sent[0]) < 24 << 20
        assert gateway.memory_kilobytes() - before < 16 << 10
        digest = hashlib.sha256()
        digest.update(client.rest())
    assert digest.digest() == hashlib.sha256(block * count).digest()


def test_a_service_that_does_not_want_to_answers_as_usual(gateway, app):
    path = fresh()
    app.on(path)(lambda exchange: exchange.reply(403, "no"))
    with Client(gateway) as client:
        assert client.ask("GET", path, HANDSHAKE).status == 403
        # It is no tunnel: what follows is a request.
        assert client.ask("GET", "/app/next").json["target"] == "/app/next"


@pytest.mark.parametrize("method, fields, body", [
    ("GET", HANDSHAKE | {"Upgrade": "h2c"}, None), ("GET", HANDSHAKE | {"Upgrade": "websocket, h2c"}, None),
    ("GET", HANDSHAKE | {"Connection": "keep-alive"}, None), ("GET", HANDSHAKE | {"Upgrade": "TLS/1.0"}, None),
    ("POST", HANDSHAKE, b"body"), ("GET", HANDSHAKE, b"body"),
], ids=["h2c", "two protocols", "not named in Connection", "TLS", "POST", "with a body"])
def test_nothing_else_is_upgraded(gateway, app, method, fields, body):
    path = fresh()
    app.on(path)(lambda exchange: (exchange.read(), exchange.send(SWITCH), exchange.wait_for_close()))
    with Client(gateway) as client:
        assert client.ask(method, path, fields, body).status == 502
    request = app.only(path)
    assert request.get("upgrade") is None and "upgrade" not in (request.get("connection") or "").lower()


def test_a_shutdown_ends_them(bench):
    app = bench.upstream(script=talkative)
    gateway = bench.gateway("""
upstreams: {app: {targets: ["$app"]}}
routes: [{path: /app/**, upstream: app}]
""", app=app)
    with opened(gateway, "/app/x") as client:
        assert client.exactly(7) == b"welcome"
        gateway.terminate()
        assert client.is_closed()
    assert app.only("/app/x").connection.gone.wait(5)
    assert gateway.wait_for_end() == 0
