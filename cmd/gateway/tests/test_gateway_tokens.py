"""Access tokens are checked at the edge where a route asks for it, with keys of the account service's."""

import json
import time
import uuid

import pytest
from gateway_process import wait_until
from h1client import Client, ask, fresh, problem
from h2client import H2Client
from token_maker import Key, token

POLICY = """
upstreams: {app: {targets: ["$app"]}}
defaults: {rate_limits: []}
routes:
  - {path: /app/open/**, upstream: app}
  - {path: /app/checked/**, upstream: app, token: verified}
  - {path: /app/closed/**, upstream: app, token: required}
  - path: /app/counted/**
    upstream: app
    token: verified
    rate_limits: [{name: account, key: token, quota: 2, window: 60s, shared: false}]
  - path: /app/vendors/**
    upstream: app
    token: required
    rate_limits: [{name: vendor, key: vendor, quota: 2, window: 60s, shared: false}]
"""


class Accounts:
    """Stands in for the account service: its keys and how often somebody asked for them."""

    def __init__(self, upstream, key: Key):
        self.upstream, self.key = upstream, key
        upstream.on("/jwks.json")(lambda exchange: exchange.reply(200, json.dumps({"keys": [key.jwk]}), {"Content-Type": "application/json"}))

    @property
    def questions(self) -> int:
        return len(self.upstream.seen("/jwks.json"))


@pytest.fixture(scope="module")
def key(tmp_path_factory) -> Key:
    return Key(tmp_path_factory.mktemp("keys"), "current")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Key:
    """Whose key has the same name."""
    return Key(tmp_path_factory.mktemp("stranger"), "current")


@pytest.fixture(scope="module")
def accounts(shared_bench, key) -> Accounts:
    return Accounts(shared_bench.upstream(), key)


@pytest.fixture(scope="module")
def app(shared_bench):
    return shared_bench.upstream()


@pytest.fixture(scope="module")
def checking(shared_bench, app, accounts):
    return shared_bench.gateway(POLICY, app=app, env={"SOUK_JWKS_URL": f"http://{accounts.upstream}/jwks.json"})


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_a_good_token_passes_and_goes_on(checking, app, key):
    user = str(uuid.uuid4())
    good = token(key, sub=user)
    for prefix in ("/app/open/", "/app/checked/", "/app/closed/"):
        path = fresh(prefix)
        for scheme in ("Bearer", "bearer"):
            assert ask(checking, "GET", path, {"Authorization": f"{scheme} {good}"}).status == 200
        # The service verifies it again.
        assert [request.get("authorization")[7:] for request in app.seen(path)] == [good] * 2
    (line, *_) = checking.requests(path=path)
    assert line["user_id"] == user


def test_without_a_token(checking, app):
    closed = fresh("/app/closed/")
    for fields in ((), {"X-User-Id": "admin"}, {"Cookie": "token=x"}):
        reply = problem(ask(checking, "GET", closed, fields), 401, "auth.required")
        assert reply.get("www-authenticate").startswith("Bearer")
    with H2Client(checking) as client:
        assert client.ask("GET", closed).status == 401
    assert app.seen(closed) == []
    for prefix in ("/app/open/", "/app/checked/"):
        assert ask(checking, "GET", fresh(prefix)).status == 200


BAD: dict[str, dict] = {
    # Tomorrow: a whole run lies between the moment when this line is read and the test.
    "expired": dict(exp=int(time.time()) - 1), "not yet valid": dict(nbf=int(time.time()) + 86_400, iat=int(time.time()) + 86_400),
    "another issuer": dict(iss="evil"), "another audience": dict(aud="evil"), "no expiry": dict(exp=None), "no subject": dict(sub=None),
    "a subject that is none": dict(sub="admin"), "no algorithm": dict(header={"alg": "none"}),
    "a shared secret": dict(header={"alg": "HS256"}), "another algorithm": dict(header={"alg": "RS256"}),
    "an unknown key": dict(header={"kid": "other"}), "no key": dict(header={"kid": None}), "a path as key": dict(header={"kid": "../../etc/passwd"}),
    "another kind": dict(header={"typ": "JWT"}), "an extension": dict(header={"crit": ["exp"]}),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_tokens(checking, app, key, what):
    for prefix in ("/app/checked/", "/app/closed/"):
        path = fresh(prefix)
        for _ in range(2):
            reply = problem(ask(checking, "GET", path, bearer(token(key, **BAD[what]))), 401)
            assert reply.json["code"] == ("token.expired" if what == "expired" else "token.invalid")
            assert 'error="invalid_token"' in reply.get("www-authenticate")
        assert app.seen(path) == []


def test_tokens_that_were_changed(checking, app, key, stranger):
    good = token(key)
    head, payload, signature = good.split(".")
    admin = token(stranger, roles=["admin"]).split(".")[1]
    changed = [
        token(stranger), f"{head}.{admin}.{signature}", f"{head}.{payload}.", f"{head}.{payload}", f"{head}.{payload}.{signature[:-4]}",
        f"{head}.{payload}.{signature}.{signature}", f"{good}=", good + "A" * 9_000, "x.y.z", "..", ".", "nonsense"]
    path = fresh("/app/closed/")
    with Client(checking) as client:
        # Remembering the good one must not let others in.
        assert client.ask("GET", fresh("/app/closed/"), bearer(good)).status == 200
        for text in changed:
            problem(client.ask("GET", path, bearer(text)), 401)
    assert app.seen(path) == []


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Token GOOD", "GOOD", "Bearer GOOD, Bearer GOOD"])
def test_authorization_that_is_no_bearer_token(checking, app, key, value):
    path = fresh("/app/closed/")
    problem(ask(checking, "GET", path, {"Authorization": value.replace("GOOD", token(key))}), 401)
    assert app.seen(path) == []


def test_two_authorizations_are_none(checking, app, key):
    path, good = fresh("/app/checked/"), token(key)
    for pair in ((good, "evil"), ("evil", good), (good, good)):
        problem(ask(checking, "GET", path, [("Authorization", f"Bearer {text}") for text in pair]), 401)
    assert app.seen(path) == []


def test_a_token_ends_when_it_expires_though_it_is_remembered(checking, key):
    brief = token(key, exp=int(time.time()) + 2)
    with Client(checking) as client:
        assert client.ask("GET", "/app/closed/x", bearer(brief)).status == 200
        assert client.ask("GET", "/app/closed/x", bearer(brief)).status == 200
        wait_until("it to expire", lambda: client.ask("GET", "/app/closed/x", bearer(brief)).status == 401, 5)


def test_keys_are_not_asked_for_by_every_request(checking, accounts, key):
    before = accounts.questions
    with Client(checking) as client:
        for _ in range(5):
            assert client.ask("GET", "/app/closed/x", bearer(token(key))).status == 200
        for _ in range(10):
            assert client.ask("GET", "/app/closed/x", bearer(token(key, header={"kid": "unknown"}))).status == 401
    # Unknown keys ask for new ones, but nobody can make that often.
    assert accounts.questions - before <= 2


def test_accounts_are_counted(checking, key):
    mine, other = token(key, sub=(user := str(uuid.uuid4()))), token(key)
    again = token(key, sub=user)
    with Client(checking) as client:
        def statuses(*tokens: str | None) -> list[int]:
            return [client.ask("GET", "/app/counted/x", bearer(text) if text else ()).status for text in tokens]

        # Another token is the same account; nobody has none.
        assert statuses(mine, again, mine, again) == [200, 200, 429, 429]
        assert statuses(other, None, None, None) == [200] * 4
        reply = client.ask("GET", "/app/counted/x", bearer(mine))
        assert reply.get("ratelimit").startswith('"account";r=0') and int(reply.get("retry-after")) > 0


def test_vendors_are_counted(checking, key):
    vendor, customer = token(key, roles=["customer", "vendor"]), token(key)
    with Client(checking) as client:
        assert [client.ask("GET", "/app/vendors/x", bearer(vendor)).status for _ in range(4)] == [200, 200, 429, 429]
        assert [client.ask("GET", "/app/vendors/x", bearer(customer)).status for _ in range(4)] == [200] * 4


def test_keys_that_cannot_be_had_are_no_yes(bench, app, key):
    gateway = bench.gateway(POLICY, app=app)
    path = fresh("/app/closed/")
    reply = problem(ask(gateway, "GET", path, bearer(token(key))), 503, "auth.keys_unavailable")
    assert int(reply.get("retry-after")) >= 1
    problem(ask(gateway, "GET", path), 401)
    assert ask(gateway, "GET", fresh("/app/open/"), bearer("x")).status == 200
    assert app.seen(path) == []


def test_who_was_let_in_stays_in_while_the_account_service_is_away(bench, app, key):
    accounts = Accounts(bench.upstream(), key)
    gateway = bench.gateway(POLICY, app=app, env={"SOUK_JWKS_URL": f"http://{accounts.upstream}/jwks.json"})
    good, later = token(key), token(key)
    with Client(gateway) as client:
        assert client.ask("GET", "/app/closed/x", bearer(good)).status == 200
        accounts.upstream.close()
        assert client.ask("GET", "/app/closed/x", bearer(good)).status == 200
        assert client.ask("GET", "/app/closed/x", bearer(later)).status == 200


def test_tokens_are_in_no_log(checking, key):
    good, bad = token(key), token(key, iss="CANARYISSUER")
    path = fresh("/app/closed/")
    for text in (good, bad, "CANARYtoken"):
        ask(checking, "GET", f"{path}?access_token={text}", bearer(text))
    wait_until("the access log", lambda: len(checking.requests(path=path)) == 3)
    log = checking.log.read_text()
    for text in (good, bad):
        assert not any(part in log for part in text.split(".")[1:])
    assert "CANARY" not in log
