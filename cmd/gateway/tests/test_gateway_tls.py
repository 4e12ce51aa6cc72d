"""TLS ends at the gateway; a renewed certificate is taken without a restart, a broken one is not."""

import contextlib
import hashlib
import shutil
import socket
import ssl
import subprocess

import pytest
from cluster import credentials
from gateway_process import wait_until
from h1client import Client, Cut, ask, fresh, problem
from h2client import H2Client
from recorder import Exchange

POLICY = """
listener:
  tls: {certificate_file: $folder/server.pem, key_file: $folder/server.key}
  header_timeout: 1s
upstreams: {app: {targets: ["$app"]}}
defaults: {rate_limits: [], max_body: 64MiB}
routes: [{path: /app/**, upstream: app}]
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Two authorities with a certificate each."""
    folders = [tmp_path_factory.mktemp("certificate") for _ in range(2)]
    return [(folder, *credentials.server_certificate(folder)) for folder in folders]


@pytest.fixture(scope="module")
def secure(shared_bench, plain_upstream, certificates):
    return shared_bench.gateway(POLICY, app=plain_upstream, folder=certificates[0][0])


def trusting(authority) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.check_hostname = True
    return context


def test_a_client_that_trusts_the_authority_gets_through(secure, app, certificates):
    path = fresh()
    reply = ask(secure, "GET", path, context=trusting(certificates[0][1]))
    assert reply.status == 200
    assert app.only(path).get("x-forwarded-proto") == "https" and app.only(path).get("forwarded").endswith("proto=https")
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(secure, "GET", path, context=trusting(certificates[1][1]))


def negotiated(gateway, *protocols: str) -> str | None:
    context = gateway.context
    if protocols:
        context.set_alpn_protocols(list(protocols))
    with contextlib.closing(context.wrap_socket(socket.create_connection(("127.0.0.1", gateway.port), 5))) as sock:
        return sock.selected_alpn_protocol()


def test_protocols_are_negotiated(secure):
    assert negotiated(secure, "h2", "http/1.1") == negotiated(secure, "http/1.1", "h2") == "h2"
    assert negotiated(secure, "http/1.1") == "http/1.1"
    assert negotiated(secure) is None
    assert ask(secure, "GET", fresh()).status == 200
    with contextlib.suppress(ssl.SSLError):
        assert negotiated(secure, "spdy/3") is None


def test_curl_takes_http2(secure, app, certificates):
    path = fresh()
    command = ["curl", "-sS", "--cacert", certificates[0][1], "-w", "%{http_version} %{http_code}", "-o", "/dev/null", "-d", "body"]
    out = subprocess.run([*command, f"https://localhost:{secure.port}{path}", "--resolve", f"localhost:{secure.port}:127.0.0.1"],
                         capture_output=True, text=True, timeout=20)
    assert (out.stdout, out.stderr) == ("2 200", "")
    assert app.only(path).body == b"body"


def test_http2_over_tls(secure, app):
    path = fresh()
    with H2Client(secure) as client:
        numbers = [client.start("GET", path) for _ in range(10)]
        assert [client.finish(number).status for number in numbers] == [200] * 10
    assert len(app.seen(path)) == 10


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version, is_taken", [
    (ssl.TLSVersion.TLSv1, False), (ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)])
def test_old_versions_are_refused(secure, version, is_taken):
    context = secure.context
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    if is_taken:
        assert ask(secure, "GET", fresh(), context=context).status == 200
    else:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(secure, "GET", fresh(), context=context)


def test_weak_ciphers_are_refused(secure):
    for cipher in ("AES128-SHA", "DES-CBC3-SHA", "NULL-SHA256", "RC4-SHA"):
        context = secure.context
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.set_ciphers(f"{cipher}:@SECLEVEL=0")
        except ssl.SSLError:
            continue  # This machine's own library has it no longer.
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(secure, "GET", fresh(), context=context)


def test_cleartext_is_refused(secure, app):
    path = fresh()
    with socket.create_connection(("127.0.0.1", secure.port), 5) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        answer = b""
        with contextlib.suppress(ConnectionError):
            while data := sock.recv(4_096):
                answer += data
    assert b"HTTP/1.1" not in answer
    assert app.seen(path) == []


def test_a_handshake_that_does_not_go_on_is_ended(secure):
    with socket.create_connection(("127.0.0.1", secure.port), 8) as sock:
        sock.sendall(b"\x16\x03\x01")
        with contextlib.suppress(ConnectionError):
            while sock.recv(4_096):
                pass


def test_large_bodies(secure, app):
    path, block = fresh(), bytes(range(256)) * 256

    @app.on(path)
    def back(exchange: Exchange) -> None:
        digest = hashlib.sha256()
        for part in exchange.parts():
            digest.update(part)
        exchange.reply(200, digest.digest() * 100_000)

    with Client(secure) as client:
        reply = client.ask("POST", path, body=block * 64)
    assert reply.body == hashlib.sha256(block * 64).digest() * 100_000


def test_an_answer_that_breaks_off_does_not_end_well(secure, app):
    path = fresh()

    @app.on(path)
    def half(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        exchange.close()

    with Client(secure) as client, pytest.raises(Cut):
        client.ask("GET", path)


def test_refusals_can_be_read(secure):
    with Client(secure) as client:
        with contextlib.suppress(OSError):
            client.send("POST /app/x HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n" + "x" * 100_000)
        problem(client.reply(), 413)
        assert client.is_closed()
    with Client(secure) as client:
        client.send("GET /app/x HTTP/1.1\nHost: a\n\n")
        problem(client.reply(), 400)


def shown(gateway) -> bytes:
    """The certificate that a new client is shown."""
    with contextlib.closing(gateway.context.wrap_socket(socket.create_connection(("127.0.0.1", gateway.port), 5))) as sock:
        return sock.getpeercert(binary_form=True)


def test_a_renewed_certificate_is_taken(bench, certificates, tmp_path):
    app = bench.upstream()
    (_, _, old, old_key), (_, _, new, new_key) = certificates

    def put(certificate, key) -> None:
        for source, name in ((certificate, "server.pem"), (key, "server.key")):
            shutil.copy(source, tmp_path / f"{name}.new")
            (tmp_path / f"{name}.new").rename(tmp_path / name)

    def of(file) -> bytes:
        return ssl.PEM_cert_to_DER_cert(file.read_text())

    put(old, old_key)
    gateway = bench.gateway(POLICY.replace("header_timeout: 1s", "idle_timeout: 60s"), app=app, folder=tmp_path)
    assert shown(gateway) == of(old)
    with Client(gateway) as lasting:
        assert lasting.ask("GET", "/app/x").status == 200
        # Broken in three ways: the old one stays, and the log says so.
        (tmp_path / "server.pem").write_text("no certificate")
        gateway.reload()
        assert shown(gateway) == of(old)
        put(new, old_key)
        gateway.reload()
        assert shown(gateway) == of(old)
        (tmp_path / "server.key").unlink()
        gateway.reload()
        assert shown(gateway) == of(old)
        errors = [line for line in gateway.lines() if line["message"].startswith("the new certificate can't be used")]
        assert len(errors) == 3 and all(line["level"] == "error" for line in errors)
        # By itself: nobody says that the files have changed.
        put(new, new_key)
        wait_until("the new certificate", lambda: shown(gateway) == of(new), 12)
        # Who is there stays there.
        assert lasting.ask("GET", "/app/x").status == 200
    assert ask(gateway, "GET", "/app/x").status == 200


@pytest.mark.parametrize("what", ["no certificate", "no key", "nothing there"])
def test_it_does_not_start_without_a_certificate(bench, certificates, tmp_path, what):
    _, _, certificate, key = certificates[0]
    if what != "nothing there":
        (tmp_path / "server.pem").write_text("x" if what == "no certificate" else certificate.read_text())
        (tmp_path / "server.key").write_text("x" if what == "no key" else key.read_text())
    gateway = bench.gateway(POLICY, start=False, app="127.0.0.1:1", folder=tmp_path)
    ended = gateway.run_to_end()
    assert ended.returncode == 2 and "SOUK_GATEWAY_POLICY_FILE" in ended.stderr
