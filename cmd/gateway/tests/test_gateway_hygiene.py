"""What a service is told of a request: what the client said, less what it must not say, and what the gateway says itself."""

import re
import time

import pytest
from h1client import Client, ask, fresh
from h2client import H2Client
from recorder import Exchange

TRUSTING = """
trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]
upstreams: {app: {targets: ["$app"]}}
defaults: {rate_limits: []}
routes: [{path: /app/**, upstream: app}]
"""


@pytest.fixture(scope="module")
def trusting(shared_bench, plain_upstream):
    """A gateway behind proxies that it believes, of which this machine is one."""
    return shared_bench.gateway(TRUSTING, app=plain_upstream)


# -- Fields of one hop

def test_fields_of_one_hop_end_here(gateway, app):
    path = fresh()
    hops = {
        "Connection": "keep-alive, X-Hop, x-other-hop, TE, HTTP2-Settings", "Keep-Alive": "timeout=5", "Proxy-Connection": "keep-alive",
        "Proxy-Authorization": "Basic x", "TE": "trailers", "Trailer": "X-A", "Upgrade": "h2c", "X-Hop": "1", "x-OTHER-hop": "2",
        "HTTP2-Settings": "AAMAAABkAAQAAP__"}
    assert ask(gateway, "GET", path, hops | {"X-Kept": "3"}).status == 200
    request = app.only(path)
    assert request.get("x-kept") == "3"
    left = {name.lower() for name in hops} & request.names
    # The service's connection has a life of its own, and nobody speaks of HTTP/2 there.
    assert left <= {"connection"} and (request.get("connection") or "keep-alive").lower() == "keep-alive", left


@pytest.mark.parametrize("name", ["Authorization", "Content-Type", "Cookie", "X-Request-Id", "X-Forwarded-For", "Idempotency-Key", "Accept-Encoding"])
def test_connection_takes_no_field_away_that_protects(gateway, app, name):
    """Who may name any field in Connection could have taken off what a gateway put there."""
    path = fresh()
    assert ask(gateway, "GET", path, {"Connection": f"close, {name}", name: "good"}).status in (200, 400)
    for request in app.seen(path):
        if name in ("X-Request-Id", "X-Forwarded-For"):
            assert request.get(name.lower())
        elif name in ("Authorization", "Content-Type", "Accept-Encoding"):
            assert request.get(name.lower()) == "good"


def test_an_answers_fields_of_one_hop_end_here(gateway, app):
    path = fresh()

    @app.on(path)
    def hops(exchange: Exchange) -> None:
        exchange.send(
            "HTTP/1.1 200 Fine\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nProxy-Connection: close\r\n"
            "Upgrade: h2c\r\nTrailer: X-A\r\nProxy-Authenticate: Basic\r\nX-Kept: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: app\r\nContent-Length: 4\r\n\r\nbody")

    reply = ask(gateway, "GET", path)
    assert (reply.body, reply.get("x-kept"), reply.all("set-cookie")) == (b"body", "2", ["a=1", "b=2"])
    assert reply.get("date") == "Sun, 06 Nov 1994 08:49:37 GMT" and reply.get("server") == "app"
    names = {name for name, _ in reply.fields}
    assert not names & {"keep-alive", "x-hop", "proxy-connection", "upgrade", "trailer", "proxy-authenticate", "transfer-encoding"}


def test_an_answer_without_a_date_gets_one(gateway, app):
    path = fresh()
    app.on(path)(lambda exchange: exchange.reply(200, "x"))
    date = ask(gateway, "GET", path).get("date")
    assert abs(time.mktime(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) - time.mktime(time.gmtime())) < 5


# -- Who somebody says to be

IDENTITIES = [
    "X-User-Id", "x-user-id", "X_USER_ID", "X.User.Id", "x-User_id", "X-User-Roles", "X-Roles", "X-Role", "X-Vendor-Id", "X-Admin",
    "X-Souk-Principal", "X_Souk_Anything", "x.souk.session", "X-Internal-Call", "X-Remote-User", "Remote-User", "REMOTE_USER",
    "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Auth-Request-User", "X-Client-Cert", "X-SSL-Client-Cert",
    "X-Goog-Authenticated-User-Email", "X-Consumer-Id", "X-Authenticated-Userid", "X-Session-Id"]


@pytest.mark.parametrize("name", IDENTITIES)
def test_nobody_is_who_a_field_says(gateway, app, name):
    path, harmless = fresh(), f"X-Harmless-{name}"
    fields = [(name, "admin"), ("Accept", "a"), (name.upper(), "root"), (harmless, "1"), (name.lower(), "x")]
    assert ask(gateway, "GET", path, fields).status == 200
    request = app.only(path)
    folded = re.sub("[_.]", "-", name.lower())
    assert folded not in [re.sub("[_.]", "-", key) for key in request.names]
    assert request.get(harmless.lower()) == "1" and request.get("accept") == "a"
    assert b"admin" not in request.head and b"root" not in request.head


def test_nobody_is_who_a_field_says_over_http2(gateway, app):
    path = fresh()
    with H2Client(gateway) as client:
        client.ask("GET", path, [(name.lower(), "admin") for name in IDENTITIES] + [("x-kept", "1")])
    request = app.only(path)
    assert request.get("x-kept") == "1" and b"admin" not in request.head


def test_fields_that_only_look_alike_pass(gateway, app):
    path = fresh()
    alike = {"X-User-Identity": "1", "X-Users": "2", "User-Id": "3", "X-Useragent": "4", "X-Administrator": "5", "X-Souks": "6"}
    ask(gateway, "GET", path, alike)
    request = app.only(path)
    assert {name: request.get(name.lower()) for name in alike} == alike


# -- Where a request comes from

FORGED = {
    "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "443",
    "Forwarded": "for=203.0.113.7;proto=https;host=evil.example", "X-Real-IP": "203.0.113.7", "Via": "1.0 evil"}


def test_a_client_cannot_say_where_it_comes_from(gateway, app):
    path = fresh()
    assert ask(gateway, "GET", path, FORGED).status == 200
    request = app.only(path)
    assert request.get("x-forwarded-for") == "127.0.0.1" and request.get("x-forwarded-proto") == "http"
    assert request.get("forwarded") == "for=127.0.0.1;proto=http"
    assert request.get("via") == "1.1 souk"
    assert b"203.0.113.7" not in request.head and b"evil" not in request.head
    (line,) = gateway.requests(path=path)
    assert line["client"] == "127.0.0.1"


@pytest.mark.parametrize("sent, client", [
    (["203.0.113.7"], "203.0.113.7"),
    # What the client wrote itself stands left of what the proxies saw.
    (["198.51.100.1, 203.0.113.7"], "203.0.113.7"), (["198.51.100.1,203.0.113.7,10.1.2.3"], "203.0.113.7"),
    (["nonsense, 203.0.113.7"], "203.0.113.7"), (["10.1.2.3"], "10.1.2.3"), (["nonsense"], "127.0.0.1"),
    (["2001:db8::1"], "2001:db8::1"), ([""], "127.0.0.1"), ([], "127.0.0.1"),
    # A proxy may add a line of its own instead of a word (RFC 9110, section 5.3): all lines are one list.
    (["198.51.100.1", "203.0.113.7"], "203.0.113.7"), (["127.0.0.1", "203.0.113.7, 10.1.2.3"], "203.0.113.7"),
    (["203.0.113.7", "10.1.2.3"], "203.0.113.7"),
])
def test_trusted_proxies_are_believed(trusting, app, sent, client):
    path = fresh()
    assert ask(trusting, "GET", path, [("X-Forwarded-For", value) for value in sent]).status == 200
    request = app.only(path)
    node = f'"[{client}]"' if ":" in client else client
    assert request.get("x-forwarded-for") == client and request.get("forwarded").startswith(f"for={node};")
    (line,) = trusting.requests(path=path)
    assert line["client"] == client


@pytest.mark.parametrize("sent, told", [("https", "https"), ("http", "http"), ("gopher", "http"), ("https, http", "http"), ("", "http")])
def test_trusted_proxies_say_how_the_client_came(trusting, app, sent, told):
    path = fresh()
    ask(trusting, "GET", path, {"X-Forwarded-Proto": sent, "X-Forwarded-For": "203.0.113.7"})
    assert app.only(path).get("x-forwarded-proto") == told
    assert app.only(path).get("forwarded") == f"for=203.0.113.7;proto={told}"


# -- What ties log lines together

def test_every_request_has_an_id(gateway, app):
    path = fresh()
    with Client(gateway) as client:
        replies = [client.ask("GET", path) for _ in range(3)]
    ids = [reply.get("x-request-id") for reply in replies]
    assert len(set(ids)) == 3 and all(re.fullmatch(r"[0-9a-f]{32}", made) for made in ids)
    assert [request.get("x-request-id") for request in app.seen(path)] == ids
    assert [line["request_id"] for line in gateway.requests(path=path)] == ids


@pytest.mark.parametrize("sent", ["abc-123_X.9", "a" * 64])
def test_a_harmless_id_is_kept(gateway, app, sent):
    path = fresh()
    assert ask(gateway, "GET", path, {"X-Request-Id": sent}).get("x-request-id") == sent
    assert app.only(path).get("x-request-id") == sent


@pytest.mark.parametrize("sent", ["a" * 65, "a b", "<script>", "", "a;b", "${jndi:x}", "\xe4", "a,b"])
def test_any_other_id_is_not(gateway, app, sent):
    path = fresh()
    assert ask(gateway, "GET", path, {"X-Request-Id": sent}).get("x-request-id") != sent
    assert app.only(path).get("x-request-id") != sent


def test_traces_go_on(gateway, app):
    path, trace = fresh(), "0af7651916cd43dd8448eb211c80319c"
    for flags in ("00", "01"):
        ask(gateway, "GET", path, {"traceparent": f"00-{trace}-b7ad6b7169203331-{flags}", "tracestate": "a=b"})
    (first, second) = app.seen(path)
    for request, flags in ((first, "00"), (second, "01")):
        # The same trace, but a span of the gateway's own.
        match = re.fullmatch(rf"00-{trace}-([0-9a-f]{{16}})-{flags}", request.get("traceparent"))
        assert match and match[1] != "b7ad6b7169203331"


@pytest.mark.parametrize("sent", [None, "", "00-0-0-00", f"00-{'0' * 32}-b7ad6b7169203331-01", f"ff-{'a' * 32}-b7ad6b7169203331-01",
                                  f"00-{'a' * 32}-{'0' * 16}-01", f"00-{'A' * 32}-b7ad6b7169203331-01"])
def test_traces_begin_here(gateway, app, sent):
    path = fresh()
    ask(gateway, "GET", path, {"traceparent": sent} if sent is not None else ())
    match = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", app.only(path).get("traceparent"))
    assert match and match[1] != "a" * 32 and int(match[1], 16) and int(match[2], 16)


# -- The rest passes as it is

def test_everything_else_passes_as_it_is(gateway, app):
    path = fresh()
    fields = [("X-b", "2"), ("Accept", "a"), ("x-B", "3"), ("Accept", "b, c"), ("User-Agent", "A/1 (x; y)"), ("Empty", ""),
              ("X-Latin", "\xe4\xf6"), ("X-Long", "z" * 8_000)]
    target = f"{path}//x/../%2e%2e/%2F?a=1&a=2&b=%20+//?"
    ask(gateway, "PATCH", target, fields, b"body")
    (request,) = app.seen(path)
    assert request.target == target and request.method == "PATCH"
    assert [field for field in request.fields if field[0] in {name for name, _ in fields}] == fields


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "propfind"])
def test_methods_pass_as_they_are(gateway, app, method):
    path = fresh()
    assert ask(gateway, method, path).json["method"] == method
    assert app.only(path).method == method


@pytest.mark.parametrize("target", ["/app/..%2f..%2fmetrics", "/app/%2e%2e/metrics", "/app/../metrics", "/app//..//livez"])
def test_paths_are_not_tidied_up_on_the_way(gateway, app, target):
    """What the gateway judges is what the service sees: a route can't be left by a path that only one of them resolves."""
    before = len(app.requests)
    assert ask(gateway, "GET", target).json["target"] == target
    assert len(app.requests) == before + 1


def test_what_fits_no_route_does_not_reach_a_service(gateway, app):
    before = len(app.requests)
    for target in ("/", "/ap", "/appx", "/App/x", "/%61pp/x", "/..;/app/x", "/x/../app/x"):
        assert ask(gateway, "GET", target).status == 404, target
    assert len(app.requests) == before
