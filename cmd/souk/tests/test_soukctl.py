"""soukctl against a real server: signing in, looking, and a dead letter from first to last."""

import json
import os
import pathlib
import pty
import re
import select
import stat
import subprocess
import threading
import uuid

import pytest
from shop import Market
from souk_client import wait_until

ADMIN = "admin@souk.example"


@pytest.fixture(scope="session")
def soukctl_binary(binary) -> pathlib.Path:
    path = pathlib.Path(os.environ.get("SOUKCTL_BINARY") or binary.with_name("soukctl"))
    assert path.exists(), f"{path} isn't built; ./scripts/test builds it"
    return path


class Soukctl:
    """soukctl as one person uses it, with a configuration folder of their own."""

    def __init__(self, binary: pathlib.Path, home: pathlib.Path, url: str | None):
        self.binary, self.home = binary, home
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("SOUK", "XDG_"))}
        self.env = clean | {"HOME": str(home)} | ({"SOUK_URL": url} if url else {})
        self.credentials = home / ".config/souk/credentials.json"

    def __call__(self, *arguments: str, status: int = 0, stdin: str = "", **env: str) -> str:
        """Runs it, expects the exit status, and gives what it said: on standard output, or where it failed, on
        standard error."""
        result = subprocess.run(
            [self.binary, *arguments], env=self.env | env, input=stdin, capture_output=True, text=True, timeout=60,
            start_new_session=True)
        assert result.returncode == status, result.stdout + result.stderr
        for secret in self.secrets():
            assert secret not in result.stdout + result.stderr
        if status == 1:
            assert re.fullmatch(r"soukctl: [^\n]+\n", result.stderr), result.stderr
        return result.stderr if status else result.stdout

    def json(self, *arguments: str):
        return json.loads(self(*arguments, "--json"))["data"]

    def secrets(self) -> list[str]:
        if not self.credentials.exists():
            return []
        stored = json.loads(self.credentials.read_text())
        return [stored["accessToken"], stored["refreshToken"]]

    def login(self, server, *arguments: str) -> str:
        return self("login", "--email", ADMIN, "--password-file", str(server.data / "admin-password"), *arguments)


@pytest.fixture
def ctl(soukctl_binary, tmp_path):
    def make(url: str | None, home: str = "home") -> Soukctl:
        (tmp_path / home).mkdir(exist_ok=True)
        return Soukctl(soukctl_binary, tmp_path / home, url)
    return make


# -- signing in


def test_login_keeps_the_tokens_to_the_owner(souk, ctl):
    me = ctl(souk.url)
    assert "run `soukctl login`" in me("whoami", status=1)
    assert me.login(souk) == f"signed in at {souk.url} as {ADMIN}\n"
    assert stat.S_IMODE(me.credentials.stat().st_mode) == 0o600
    assert stat.S_IMODE(me.credentials.parent.stat().st_mode) == 0o700
    assert ADMIN in me("whoami") and "admin" in me.json("whoami")["roles"]
    assert me("logout") == "signed out\n"
    assert not me.credentials.exists()
    assert me("logout") == "not signed in\n"


def test_xdg_and_the_stored_server(souk, ctl, tmp_path):
    me = ctl(None)
    me.env["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    me.credentials = tmp_path / "xdg/souk/credentials.json"
    me.login(souk, "--url", souk.url)
    assert souk.url in me("whoami")  # neither --url nor SOUK_URL
    # The tokens go to the server that gave them and to no other.
    assert f"signed in at {souk.url}, not at http://127.0.0.1:1" in me("whoami", "--url", "http://127.0.0.1:1", status=1)


def test_a_password_by_standard_input_and_a_wrong_one(souk, ctl):
    me = ctl(souk.url)
    arguments = ("login", "--email", ADMIN, "--password-file", "-")
    me(*arguments, stdin=souk.admin_password + "\n")
    before = me.credentials.read_bytes()
    said = me(*arguments, status=1, stdin="a wrong password\n")
    assert "(auth.invalid_credentials)" in said and "a wrong password" not in said
    assert me.credentials.read_bytes() == before
    me(*arguments, status=2, stdin="")
    me("login", "--email", ADMIN, "--password-file", "/nowhere/file", status=2)
    me("login", "--email", ADMIN, status=2)  # no terminal to ask at


def test_the_password_prompt_does_not_echo(souk, ctl):
    me = ctl(souk.url)
    child, terminal = pty.fork()
    if child == 0:
        os.execve(me.binary, [str(me.binary), "login"], me.env)
    shown = b""

    def until(text: bytes) -> None:
        nonlocal shown
        while text not in shown:
            assert select.select([terminal], [], [], 30)[0], shown
            shown += os.read(terminal, 1024)

    until(b"E-mail: ")
    os.write(terminal, ADMIN.encode() + b"\n")
    until(b"Password: ")
    os.write(terminal, souk.admin_password.encode() + b"\n")
    until(b"signed in")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)
    assert souk.admin_password.encode() not in shown


def test_an_expired_token_is_refreshed_once_by_many(fresh, ctl):
    with fresh(SOUK_AUTH_ACCESS_TOKEN_TTL="1s") as server:
        me = ctl(server.url)
        me.login(server)
        first = me.secrets()
        stale = json.loads(me.credentials.read_text())
        me("whoami")
        assert me.secrets()[1] != first[1], "exchanged, because it has run out"
        # Ended by the server though fresh by our clock: exchanged on the 401.
        credentials = json.loads(me.credentials.read_text())
        me.credentials.write_text(json.dumps(credentials | {"expiresAt": 9e9, "accessToken": stale["accessToken"] + "x"}))
        me("whoami")
        # Reusing a refresh token would end the session for all of them.
        failures = []

        def look():
            try:
                me("whoami")
            except AssertionError as error:
                failures.append(error)

        threads = [threading.Thread(target=look) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert stat.S_IMODE(me.credentials.stat().st_mode) == 0o600
        # An old refresh token has been used: the session is over, and it says so.
        me.credentials.write_text(json.dumps(stale))
        assert "run `soukctl login`" in me("whoami", status=1)


def test_damaged_credentials(souk, ctl):
    me = ctl(souk.url)
    me.login(souk)
    me.credentials.write_text("{ nonsense")
    result = subprocess.run([me.binary, "whoami"], env=me.env, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and "damaged" in result.stderr and "nonsense" not in result.stderr
    subprocess.run([me.binary, "login", "--email", ADMIN, "--password-file", souk.data / "admin-password"],
                   env=me.env, check=True, capture_output=True, timeout=60)
    me("whoami")


# -- looking


def test_ping(souk, ctl):
    me = ctl(souk.url)
    assert "responds" in me("ping")
    assert json.loads(me("ping", "--json"))["data"]["message"] == "pong"
    assert "Connection refused" in me("ping", "--url", "http://127.0.0.1:1", status=1)


@pytest.mark.parametrize("arguments", [
    ["nonsense"], ["ping", "--nonsense"], ["ping", "--url", "ftp://a"], ["ping", "--timeout", "0"],
    ["orders", "show", "42"], ["events", "redrive"], ["events", "redrive", "vendor"], ["events", "show", "a/b", "1"],
    ["events", "redrive", "--all", "vendor", str(uuid.uuid4())], ["orders", "list", "--size", "101"],
])
def test_wrong_usage(ctl, arguments):
    ctl(None)(*arguments, status=2)


def test_orders_and_books(souk, ctl, market):
    me = ctl(souk.url)
    me.login(souk)
    ada = market.shopper()
    order = market.buy(ada, [(market.shop().sell(price=1250), 2)])
    assert order["number"] in me("orders", "list", "--status", "paid", "--size", "100")
    customer = me.json("orders", "list", "--customer", order["customer_id"])
    assert [o["id"] for o in customer] == [order["id"]]
    shown = me("orders", "show", order["id"])
    assert order["number"] in shown and "2500 GBP" in shown and "captured" in shown
    assert me.json("orders", "show", order["id"])["total"] == {"amount": 2500, "currency": "GBP"}
    assert "order.not_found" in me("orders", "show", str(uuid.uuid4()), status=1)
    me("orders", "list", "--status", "nonsense", status=2)
    assert me("ledger", "verify").startswith("balanced: ")
    assert me.json("ledger", "verify")["balanced"] is True
    assert "nothing to mend" in me("reconcile")


def test_only_admins(souk, ctl, market, tmp_path):
    ada = market.shopper()
    (tmp_path / "password").write_text(ada.password)
    me = ctl(souk.url)
    me("login", "--email", ada.email, "--password-file", str(tmp_path / "password"))
    assert "forbidden" in me("events", "status", status=1)


def test_books_that_do_not_balance(fresh, ctl):
    with fresh() as server:
        market = Market(server)
        market.buy(market.shopper(), [(market.shop().sell(), 1)])
        market.settle()
        server.tamper("payment", "UPDATE ledger_balances SET balance = balance + 7")
        me = ctl(server.url)
        me.login(server)
        result = subprocess.run([me.binary, "ledger", "verify"], env=me.env, capture_output=True, text=True, timeout=60)
        assert result.returncode == 1 and "balance_is_sum_of_entries" in result.stdout
        assert "don't balance" in result.stderr


# -- dead letters


def poison(server, key: str) -> str:
    """Slips an order.paid.v1 that nobody can read into the order service's outbox; gives the event's id."""
    event = str(uuid.uuid4())
    data = server.blob(b'{"order_id": "\\u001b[31mno order at all"}')
    server.write("order", "INSERT INTO outbox (event_id, topic, key, type, source, time, data)"
                  f" VALUES ('{event}', 'orders', '{key}', 'order.paid.v1', '/souk/order', 1767225600000000, {data});")
    return event


def test_a_dead_letter_from_first_to_last(fresh, ctl):
    server = fresh().start()
    events = [poison(server, "k1"), poison(server, "k2")]
    me = ctl(server.url)
    me.login(server)

    def standing() -> dict[str, int]:
        return {s["service"]: s["dead_letters"] for s in me.json("events", "status")}

    wait_until("the poison to be given up", lambda: standing()["vendor"] == standing()["notification"] == 2)
    [code] = {letter["error_code"] for letter in me.json("events", "dead-letters", "--service", "vendor")}
    [summary] = [s for s in me.json("events", "status") if s["service"] == "vendor"]
    assert summary["dead_letters_by_error"] == {code: 2}
    header = me("events", "status").splitlines()[0]
    assert re.split(r"  +", header) == ["SERVICE", "OUTBOX", "LAG", "DEAD LETTERS", "BY ERROR", "BEHIND ON"]
    # A letter is written before its message is acknowledged, which ends the lag.
    wait_until("the lag to end", lambda: ["vendor", "0", "0", "2", f"{code} x2"] in [
        re.split(r"  +", line.strip()) for line in me("events", "status").splitlines()])

    listed = me.json("events", "dead-letters", "--service", "vendor")
    assert {letter["event_id"] for letter in listed} == set(events)
    assert len(me.json("events", "dead-letters")) == 4
    assert "page 1 of 2, 2 in all" in me("events", "dead-letters", "--service", "vendor", "--size", "1")
    letter = listed[0]["id"]
    assert letter in me("events", "dead-letters")
    assert "no dead letters" in me("events", "dead-letters", "--service", "auth")
    assert me("events", "dead-letters", "--service", "nobody", status=2)

    shown = me("events", "show", "vendor", letter)
    assert "order.paid.v1" in shown and "/souk/order" in shown and "no order at all" in shown
    assert "\x1b" not in shown, "what a message holds must not drive the terminal"
    attempts = me.json("events", "show", "vendor", letter)["attempts"]

    def tried(times: int) -> bool:
        current = me.json("events", "show", "vendor", letter)
        return current["attempts"] >= times and current["status"] == "dead"

    assert "1 dead letter is" in me("events", "redrive", "vendor", letter)
    wait_until("the redrive to fail", lambda: tried(attempts + 1))
    assert standing()["vendor"] == 2, "it stays"
    assert "2 dead letters are" in me("events", "redrive", "--all", "--service", "vendor")
    wait_until("the redrive to fail", lambda: tried(attempts + 2))

    me("events", "discard", "vendor", letter, status=2)  # no terminal to ask at
    assert me("events", "discard", "vendor", letter, "--yes") == "discarded\n"
    assert "dead_letter.not_found" in me("events", "show", "vendor", letter, status=1)
    assert "dead_letter.not_found" in me("events", "redrive", "vendor", letter, status=1)
    assert standing() | {"vendor": 1, "notification": 2} == standing()
