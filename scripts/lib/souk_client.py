"""A small HTTP client for Souk's public API, on Python's standard library alone.

One `Client` is one signed-in (or anonymous) caller. It keeps a connection per thread, repeats what is safe to repeat
(the server is restarting, busy, or asks to wait), and signs in again when its access token has run out.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import urllib.parse
from collections.abc import Container

RETRIED_STATUSES = {429, 502, 503, 504}
RETRIED_CODES = {"idempotency_key.running"}


class ApiError(Exception):
    """The server said no: `status`, the problem's stable `code`, and the whole problem document."""

    def __init__(self, method: str, path: str, status: int, problem: dict):
        self.status = status
        self.code = problem.get("code", "")
        self.problem = problem
        fields = "; ".join(f"{e.get('field')}: {e.get('message')}" for e in problem.get("errors") or [])
        super().__init__(
            f"{method} {path}: {status} {self.code}: {problem.get('detail') or problem.get('title')}"
            + (f" ({fields})" if fields else ""))


class Unreachable(Exception):
    """The server could not be reached, or kept asking to wait, until the client's patience ran out."""


class Reply:
    def __init__(self, status: int, headers: dict, raw: bytes):
        self.status, self.headers, self.raw = status, headers, raw

    @property
    def json(self) -> dict:
        return json.loads(self.raw) if self.raw else {}

    @property
    def data(self):
        return self.json.get("data")

    @property
    def meta(self) -> dict:
        return self.json.get("meta") or {}


class Client:
    def __init__(self, url: str, email: str | None = None, password: str | None = None, patience: float = 120.0):
        self.url = url.rstrip("/")
        parts = urllib.parse.urlsplit(self.url)
        self.host, self.port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        self.secure = parts.scheme == "https"
        self.email, self.password, self.patience = email, password, patience
        self.token: str | None = None
        self.local = threading.local()
        self.lock = threading.Lock()

    def as_user(self, email: str, password: str) -> "Client":
        return Client(self.url, email, password, self.patience)

    # -- requests

    def get(self, path: str, **query) -> Reply:
        query = {k: v for k, v in query.items() if v is not None}
        return self.call("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def post(self, path: str, body: dict | None = None, key: str | None = None, **more) -> Reply:
        return self.call("POST", path, body, key=key, **more)

    def put(self, path: str, body: dict | None = None, key: str | None = None) -> Reply:
        return self.call("PUT", path, body, key=key)

    def patch(self, path: str, body: dict, version: str | None = None) -> Reply:
        return self.call("PATCH", path, body, headers={"If-Match": version} if version else {})

    def delete(self, path: str) -> Reply:
        return self.call("DELETE", path)

    def pages(self, path: str, **query):
        """Every item of a paged list."""
        page = 1
        while True:
            reply = self.get(path, page=page, size=100, **query)
            yield from reply.data
            if not reply.meta.get("has_more"):
                return
            page += 1

    def call(self, method: str, path: str, body=None, key: str | None = None, headers: dict | None = None,
             expect: Container[int] = ()) -> Reply:
        """Sends a request until it is answered for good. Raises `ApiError` unless it is 2xx, or in `expect`."""
        deadline = time.monotonic() + self.patience
        pause, signed_in_again = 0.05, False
        while True:
            sent = {"Accept": "application/json", **(headers or {})}
            if body is not None:
                sent["Content-Type"] = "application/json"
            if key:
                sent["Idempotency-Key"] = key
            if self.email:
                sent["Authorization"] = f"Bearer {self.token or self.sign_in()}"
            try:
                reply = self.exchange(method, path, body, sent)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > deadline:
                    raise Unreachable(f"{self.url} can't be reached: {error}") from error
                self.sleep(pause)
                pause = min(pause * 2, 1.0)
                continue
            if 200 <= reply.status < 400 or reply.status in expect:
                return reply
            problem = self.problem(reply)
            if reply.status == 401 and self.email and not signed_in_again and path != "/api/v1/auth/login":
                signed_in_again = True
                self.token = None
                continue
            if (reply.status in RETRIED_STATUSES or problem.get("code") in RETRIED_CODES) and time.monotonic() < deadline:
                wait = reply.headers.get("retry-after", "")
                self.sleep(min(float(wait), 30.0) if wait.isdigit() and reply.status == 429 else pause)
                pause = min(pause * 2, 1.0)
                continue
            raise ApiError(method, path, reply.status, problem)

    def sign_in(self) -> str:
        with self.lock:
            if self.token is None:
                anonymous = Client(self.url, patience=self.patience)
                reply = anonymous.post("/api/v1/auth/login", {"email": self.email, "password": self.password})
                self.token = reply.data["access_token"]
            return self.token

    def register(self, name: str) -> None:
        """Signs this user up: a new account, even where the address has one."""
        anonymous = Client(self.url, patience=self.patience)
        body = {"email": self.email, "password": self.password, "name": name}
        self.token = anonymous.post("/api/v1/auth/register", body).data["access_token"]

    def join(self, name: str) -> bool:
        """Signs this user in, or up where that was not done before; whether the account is new."""
        try:
            self.sign_in()
            return False
        except ApiError as error:
            if error.code != "auth.invalid_credentials":
                raise
        self.register(name)
        return True

    # -- one exchange

    def exchange(self, method: str, path: str, body, headers: dict) -> Reply:
        connection = getattr(self.local, "connection", None)
        fresh = connection is None
        if fresh:
            kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
            connection = self.local.connection = kind(self.host, self.port, timeout=60)
        raw = None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, raw, headers)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            self.local.connection = None
            if not fresh and method in ("GET", "PUT", "DELETE"):
                return self.exchange(method, path, body, headers)  # an idle connection that the server had closed
            raise

    @staticmethod
    def problem(reply: Reply) -> dict:
        try:
            problem = reply.json
            return problem if isinstance(problem, dict) else {}
        except ValueError:
            return {"title": reply.raw[:200].decode("utf-8", "replace")}

    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(seconds * random.uniform(0.75, 1.25))


def wait_until(what: str, probe, seconds: float = 60.0):
    """Asks `probe` until it gives something true, and gives that; raises `Unreachable` when the time is up."""
    deadline, pause = time.monotonic() + seconds, 0.01
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Unreachable(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(pause)
        pause = min(pause * 1.6, 0.5)
