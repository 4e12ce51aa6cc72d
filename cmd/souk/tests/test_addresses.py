"""An address belongs to whoever reads its mailbox: nothing but the verification mail goes there before, and nobody learns who has an account."""

import secrets
import statistics
import time

import pytest
from shop import Market
from souk_client import Client, wait_until
from wire import ask, problem

REGISTER, FORGOT = "/api/v1/auth/register", "/api/v1/auth/password/forgot"
PASSWORD = "a long enough passphrase"
RESET = "Reset your password"


@pytest.fixture(scope="module")
def market(private):
    """A market of its own: its mailboxes and networks have had no mail yet. Every client address can be played through the proxy."""
    with private("addresses", SOUK_TRUSTED_PROXIES="127.0.0.1") as server:
        yield Market(server)


def mailbox() -> str:
    return f"{secrets.token_hex(6)}@address.test"


def post(market, path: str, body: dict, token: str | None = None):
    """From a network of its own each time."""
    headers = {"X-Forwarded-For": f"198.51.{secrets.randbelow(256)}.{secrets.randbelow(256)}"}
    return ask(market.souk, "POST", path, body, headers | ({"Authorization": f"Bearer {token}"} if token else {}))


def sign_up(market, address: str, name: str = "Ada", password: str = PASSWORD):
    return post(market, REGISTER, {"email": address, "password": password, "name": name})


def content(letter) -> str:
    return "".join(letter.get_body((kind,)).get_content() for kind in ("plain", "html")) + str(letter["to"]) + letter["subject"]


def client(market, address: str, password: str = PASSWORD) -> Client:
    return Client(market.souk.url, address, password, 30)


def verified(market) -> Client:
    made = client(market, mailbox())
    made.token = sign_up(market, made.email).data["access_token"]
    market.mail.verify(made)
    return made


def test_a_stranger_sends_one_mail_that_says_nothing_of_theirs(market):
    victim, url = mailbox(), "evil.test/prize"
    made = sign_up(market, victim, f"Win at https://{url} now")
    assert made.status == 201 and made.data["user"]["email_verified"] is False
    market.mail.token(victim)
    shop, eve = market.shop(), client(market, victim)
    order = market.buy(eve, [(shop.sell(), 1)])
    wait_until("the order's message", lambda: any(n["kind"] == "order.paid" for n in eve.get("/api/v1/notifications").data))
    market.settle()
    letters = market.mail.letters(victim)
    assert len(letters) == 1, [m["subject"] for m in letters]
    text = content(letters[0])
    assert "evil" not in text and "Win at" not in text and order["number"] not in text
    assert str(letters[0]["to"]) == victim


def test_mail_that_waited_comes_once_the_address_is_verified(market):
    shop, ada = market.shop(), client(market, mailbox())
    ada.register("Ada")
    market.mail.token(ada.email)
    order = market.buy(ada, [(shop.sell(), 1)])
    market.settle()
    assert len(market.mail.letters(ada.email)) == 1
    market.mail.verify(ada)
    wait_until("the order's mail", lambda: any(order["number"] in m["subject"] for m in market.mail.letters(ada.email)), 45)


def test_a_link_from_a_strangers_sign_up_verifies_nothing_for_the_stranger(market):
    victim = mailbox()
    eve = sign_up(market, victim, password="the stranger's passphrase").data
    token = market.mail.token(victim)
    # The victim follows it, without a session and with one of their own.
    body = {"token": token}
    problem(post(market, "/api/v1/auth/email/verify", body), 401)
    own = sign_up(market, victim).data
    problem(post(market, "/api/v1/auth/email/verify", body, own["access_token"]), 403, "auth.mail_token_invalid")
    mine = market.mail.token(victim, skip=(token,))
    reply = post(market, "/api/v1/auth/email/verify", {"token": mine}, own["access_token"])
    assert reply.status == 200 and reply.data["email_verified"] is True
    # Should the stranger get hold of their token, they are too late.
    problem(post(market, "/api/v1/auth/email/verify", body, eve["access_token"]), 409, "user.address_in_use")
    assert client(market, victim).sign_in()


def test_nobody_learns_who_has_an_account(market):
    known, claimed = verified(market).email, mailbox()
    sign_up(market, claimed)

    def shape(reply):
        names = {k: v for k, v in reply.headers.items() if k not in ("date", "x-request-id", "traceparent", "content-length", "ratelimit")}
        keys = sorted(reply.data) + sorted(reply.data["user"]) if reply.raw else []
        return reply.status, names, keys

    def took(path: str, address: str) -> tuple:
        began = time.monotonic()
        reply = sign_up(market, address) if path == REGISTER else post(market, path, {"email": address})
        return time.monotonic() - began, shape(reply)

    for path, status in ((REGISTER, 201), (FORGOT, 202)):
        times: dict[str, list[float]] = {"known": [], "claimed": [], "unknown": []}
        for _ in range(9):
            for kind, address in (("known", known), ("claimed", claimed), ("unknown", mailbox())):
                seconds, seen = took(path, address)
                times[kind].append(seconds)
                assert seen[0] == status
                assert seen == took(path, mailbox())[1], kind
        medians = {kind: statistics.median(all_of) for kind, all_of in times.items()}
        assert max(medians.values()) < 2 * min(medians.values()) + 0.01, medians


def test_the_owner_hears_of_a_stranger_and_is_not_flooded(market):
    owner = verified(market)
    for _ in range(8):
        assert sign_up(market, owner.email, "https://evil.test").status == 201
    subject = "Your e-mail address was given for another account"
    wait_until("the notice", lambda: any(m["subject"] == subject for m in market.mail.letters(owner.email)), 45)
    market.settle()
    notices = [m for m in market.mail.letters(owner.email) if m["subject"] == subject]
    # Loopback is exempt from a network's limit of three: one of the mailbox's five went to the verification.
    assert len(notices) == 4
    assert all("http" not in content(m).split("</title>")[1] for m in notices)
    assert owner.get("/api/v1/users/me").data["email_verified"] is True


def test_a_mail_is_sent_again_within_limits(market):
    ada = client(market, mailbox())
    ada.token = sign_up(market, ada.email).data["access_token"]
    first = market.mail.token(ada.email)
    replies = [post(market, "/api/v1/auth/email/resend", {}, ada.token) for _ in range(6)]
    assert [r.status for r in replies] == [202] * 5 + [429]
    second = market.mail.token(ada.email, skip=(first,))
    market.settle()
    # That of the sign-up, and all that were asked for: loopback is exempt from a network's limit.
    assert len(market.mail.letters(ada.email)) == 6
    # An account has five live tokens.
    problem(post(market, "/api/v1/auth/email/verify", {"token": first}, ada.token), 403, "auth.mail_token_invalid")
    assert post(market, "/api/v1/auth/email/verify", {"token": second}, ada.token).status == 200
    problem(post(market, "/api/v1/auth/email/resend", {}, ada.token), 409, "user.address_verified")


def test_an_address_changes_once_the_new_one_is_verified(market):
    ada, new = verified(market), mailbox()
    wrong = post(market, "/api/v1/auth/email/change", {"email": new, "current_password": "wrong"}, ada.token)
    problem(wrong, 403, "auth.wrong_current_password")
    assert post(market, "/api/v1/auth/email/change", {"email": new, "current_password": PASSWORD}, ada.token).status == 202
    token = market.mail.token(new)
    notice = "Your account is to have another e-mail address"
    wait_until("the notice", lambda: any(m["subject"] == notice for m in market.mail.letters(ada.email)), 45)
    assert all(new not in content(m) for m in market.mail.letters(ada.email))
    assert ada.get("/api/v1/users/me").data["email"] == ada.email
    assert post(market, "/api/v1/auth/email/verify", {"token": token}, ada.token).data["email"] == new
    problem(post(market, "/api/v1/auth/login", {"email": ada.email, "password": PASSWORD}), 401)
    assert client(market, new).sign_in()


def test_a_reset_ends_every_session_and_works_once(market):
    ada = verified(market)
    there = post(market, "/api/v1/auth/login", {"email": ada.email, "password": PASSWORD}).data
    assert post(market, FORGOT, {"email": ada.email.upper()}).status == 202
    token = market.mail.token(ada.email, RESET)
    body = {"token": token, "password": "another long passphrase"}
    reset = post(market, "/api/v1/auth/password/reset", body)
    assert reset.status == 200 and set(reset.data) == {"device_token"}
    for used in (body, body | {"token": secrets.token_urlsafe(32)}):
        problem(post(market, "/api/v1/auth/password/reset", used), 403, "auth.mail_token_invalid")
    for access in (ada.token, there["access_token"]):
        wait_until("the session to end", lambda t=access: ask(
            market.souk, "GET", "/api/v1/users/me", headers={"Authorization": f"Bearer {t}"}).status == 401)
    problem(post(market, "/api/v1/auth/refresh", {"refresh_token": there["refresh_token"]}), 401)
    problem(post(market, "/api/v1/auth/login", {"email": ada.email, "password": PASSWORD}), 401)
    assert client(market, ada.email, "another long passphrase").sign_in()


@pytest.mark.setups("souk", reason="its databases and logs are files")
def test_tokens_are_in_mailboxes_only(market):
    ada = verified(market)
    assert post(market, FORGOT, {"email": ada.email}).status == 202
    claim, reset = market.mail.token(ada.email), market.mail.token(ada.email, RESET)
    market.settle()
    searched = [f for f in market.souk.data.rglob("*") if f.is_file() and f.parent.name != "mail"]
    assert any(f.name == "auth.sqlite" for f in searched) and any("log" in f.name for f in searched), searched
    for file in searched:
        raw = file.read_bytes()
        for token in (claim, reset):
            assert token.encode() not in raw, file
