"""How exchanges end before their end: clients and services that go away, answers that make no sense, and shutdowns."""

import socket
import struct
import threading

import pytest
from gateway_process import wait_until
from h1client import Client, Cut, fresh, problem
from recorder import Exchange, Gate, Upstream

# -- Clients and services that go away

def test_a_client_that_goes_away_while_it_waits_frees_the_service(gateway, app):
    path, closed = fresh(), []
    app.on(path)(lambda exchange: closed.append(exchange.wait_for_close()))
    client = Client(gateway)
    client.request("GET", path)
    app.await_request(path)
    client.close()
    wait_until("the service's connection to end", lambda: closed, 5)
    assert closed == [True]


def test_a_client_that_goes_away_within_an_answer_frees_the_service(gateway, app):
    path, ended = fresh(), threading.Event()

    @app.on(path)
    def endless(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                exchange.chunk(bytes(65_536))
        except OSError:
            ended.set()
            raise

    client = Client(gateway)
    client.request("GET", path)
    client.head()
    client.close()
    assert ended.wait(5)


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
def test_a_client_that_goes_away_within_its_body_never_has_a_whole_request(gateway, app, is_reset):
    path = fresh()
    client = Client(gateway)
    client.request("POST", path, {"Content-Length": "100"}, b"half of it")
    request = app.await_request(path)
    if is_reset:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert request.connection.gone.wait(5)
    assert not request.is_complete


def cut(how: str):
    def script(exchange: Exchange) -> None:
        exchange.send({
            "length": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "within a chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
            "before the last chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            "within trailers": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX-A: 1\r\n",
        }[how])
        exchange.close()

    return script


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("how", ["length", "chunked", "within a chunk", "before the last chunk", "within trailers"])
def test_a_service_that_breaks_off_breaks_off_the_answer(gateway, app, how, version):
    path = fresh()
    app.on(path)(cut(how))
    with Client(gateway) as client:
        client.request("GET", path, version=version)
        reply = client.head()
        assert reply.status == 200
        # With HTTP/1.0 the close is all that tells an answer's end, so it must be no ordinary one.
        with pytest.raises(Cut):
            list(client.parts(reply))


@pytest.mark.parametrize("how", ["closes", "resets", "half a head"])
def test_a_service_that_never_answers_is_an_error(gateway, app, how):
    path = fresh()

    @app.on(path)
    def silent(exchange: Exchange) -> None:
        if how == "half a head":
            exchange.send("HTTP/1.1 200 OK\r\nContent-")
        if how == "resets":
            exchange.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            exchange.connection.sock.close()
            raise OSError
        exchange.close()

    with Client(gateway) as client:
        reply = problem(client.ask("POST", path, body=b"x"), 503, "upstream.unavailable")
        assert reply.get("retry-after") == "1"
        # It is not the client's fault, and its body was read.
        assert client.ask("GET", "/app/next").status == 200


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    b"HTTP/1.1 200 OK\r\nX-A: a\r\n folded\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 99 Low\r\n\r\n", b"HTTP/2.0 200 OK\r\n\r\n", b"hello\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nabcde",
], ids=repr)
def test_an_answer_that_makes_no_sense_is_an_error(gateway, app, answer):
    path = fresh()

    @app.on(path)
    def wrong(exchange: Exchange) -> None:
        exchange.send(answer)
        exchange.wait_for_close()

    with Client(gateway) as client:
        problem(client.ask("GET", path), 502, "upstream.bad_answer")
        assert client.ask("GET", "/app/next").status == 200
    assert app.only(path).connection.gone.wait(5)


def test_what_follows_an_answer_answers_nobody(gateway, app):
    path = fresh()

    @app.on(path)
    def twice(exchange: Exchange) -> None:
        # In one piece: what arrives after the next request has been sent can't be told from its answer.
        answers = (b"HTTP/1.1 200 Answer\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body) for body in (b"first", b"planted"))
        exchange.send(b"".join(answers))
        exchange.wait_for_close()

    with Client(gateway) as client:
        for _ in range(3):
            assert client.ask("GET", path).body == b"first"
            assert client.ask("GET", "/app/next").json["by"] == "app"


def test_an_answer_may_come_before_the_request_is_whole(gateway, app):
    path = fresh()

    @app.on(path)
    def early(exchange: Exchange) -> None:
        exchange.reply(409, "no need for the rest")
        exchange.wait_for_close()

    with Client(gateway) as client:
        client.request("POST", path, {"Content-Length": "1000000"}, b"the beginning")
        reply = client.reply()
        assert (reply.status, reply.body) == (409, b"no need for the rest")
        # Where the rest of the body ends can't be told: the connection ends.
        assert reply.get("connection") == "close" and client.is_closed()
    assert not app.only(path).is_complete


# -- Shutdown

DRAINING = """
listener: {drain_timeout: $drain}
upstreams: {app: {targets: ["$app"]}}
defaults: {rate_limits: []}
routes: [{path: /app/**, upstream: app}]
"""


def held(app: Upstream, path: str) -> Gate:
    gate = Gate()

    @app.on(path)
    def hold(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n")
        gate.wait()
        exchange.send("3\r\nend\r\n0\r\n\r\n")

    return gate


def refuses_connections(gateway) -> bool:
    try:
        socket.create_connection(("127.0.0.1", gateway.port), timeout=2).close()
        return False
    except OSError:
        return True


def test_a_shutdown_lets_running_requests_end(bench):
    app = bench.upstream()
    gateway = bench.gateway(DRAINING, app=app, drain="15s")
    gate = held(app, "/app/held")
    with Client(gateway) as running, Client(gateway) as idle, Client(gateway) as waiting:
        waiting_gate = Gate()

        @app.on("/app/waiting")
        def late(exchange: Exchange) -> None:
            waiting_gate.wait()
            exchange.reply(200, "late")

        assert idle.ask("GET", "/app/x").status == 200
        running.request("GET", "/app/held")
        assert running.head().status == 200
        waiting.request("GET", "/app/waiting")
        app.await_request("/app/waiting")
        gateway.terminate()
        wait_until("new connections to be refused", lambda: refuses_connections(gateway), 5)
        assert idle.is_closed()
        assert gateway.is_running
        waiting_gate.open()
        reply = waiting.reply()
        assert reply.body == b"late" and reply.get("connection") == "close"
        gate.open()
        assert running.take_until(b"0\r\n\r\n").endswith(b"3\r\nend\r\n")
        assert gateway.wait_for_end() == 0


def test_a_shutdown_does_not_wait_longer_than_it_may(bench):
    app = bench.upstream()
    gateway = bench.gateway(DRAINING, app=app, drain="300ms")
    gate = held(app, "/app/held")
    with Client(gateway) as running:
        running.request("GET", "/app/held")
        reply = running.head()
        gateway.terminate()
        assert gateway.wait_for_end(8) == 0
        with pytest.raises(Cut):
            list(running.parts(reply))
    gate.open()


def test_what_has_begun_when_a_shutdown_begins_is_answered(bench):
    """Half a header, half a body: their senders can't know."""
    app = bench.upstream()
    gateway = bench.gateway(DRAINING, app=app, drain="15s")
    with Client(gateway) as header, Client(gateway) as body:
        header.send("GET /app/header HTTP/1.1\r\nHo")
        body.request("POST", "/app/body", {"Content-Length": "8"}, b"half")
        # Its body is read before it goes to the service; its half of a header has been read, too: it came before.
        wait_until("it to have begun", lambda: gateway.series("gateway_requests_in_flight", route="/app/**") == 1)
        gateway.terminate()
        wait_until("new connections to be refused", lambda: refuses_connections(gateway), 5)
        header.send("st: a\r\n\r\n")
        reply = header.reply()
        assert reply.status == 200 and reply.get("connection") == "close" and header.is_closed()
        body.send("half")
        assert body.reply().json["length"] == 8 and body.is_closed()
    assert gateway.wait_for_end() == 0
