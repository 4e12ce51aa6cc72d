"""Stands between the payment provider and the marketplace and meddles with webhooks: an HTTP proxy on loopback."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import http.server
import json
import queue
import random
import threading
import time
import urllib.parse
from collections import Counter

SIGNATURE = "Souk-Signature"
# How many webhooks are held before they are delivered in another order.
SHUFFLED = 6
# How long a webhook that was taken is tried, when the marketplace doesn't take it.
PATIENCE_SECONDS = 90.0


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        """The provider is killed in the middle of its requests: that is no news here."""


class Meddler:
    """Forwards what is posted to it to `target`. `mode` is what it does beside that.

    `pass`; `duplicate` (each three times); `late` (taken at once, delivered seconds later); `reorder` (held, and delivered in
    another order); `lost` (taken and never delivered); `forge` (followed by forgeries, all of which must be refused).
    """

    def __init__(self, target: str, seed: int):
        self.target, self.rng = urllib.parse.urlsplit(target), random.Random(seed)
        self.mode = "pass"
        self.counts: Counter = Counter()
        self.accepted_forgeries: list[str] = []
        self.held: list[tuple[bytes, str]] = []
        self.later: queue.PriorityQueue = queue.PriorityQueue()
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", 0), self.handler())
        self.is_over = threading.Event()
        self.threads = [
            threading.Thread(target=self.server.serve_forever, daemon=True), threading.Thread(target=self.deliver_later, daemon=True)]
        for thread in self.threads:
            thread.start()

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.target.path}"

    def set(self, mode: str) -> None:
        """Changes what it does; what was held for another order goes out."""
        with self.lock:
            self.mode = mode
            self.release()

    def is_idle(self) -> bool:
        """Whether nothing waits to be delivered."""
        with self.lock:
            return not self.held and self.later.unfinished_tasks == 0

    def close(self) -> None:
        self.is_over.set()
        self.server.shutdown()
        self.server.server_close()

    # -- what arrives

    def handler(self) -> type:
        meddler = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = meddler.take(body, self.headers.get(SIGNATURE, ""))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler

    def take(self, body: bytes, signature: str) -> int:
        """What the provider is answered."""
        mode = self.mode
        self.counts[mode] += 1
        if mode == "lost":
            return 200
        if mode == "late":
            self.put(self.rng.uniform(2, 8), body, signature)
            return 200
        if mode == "reorder":
            with self.lock:
                self.held.append((body, signature))
                if len(self.held) >= SHUFFLED or self.mode != "reorder":
                    self.release()
            return 200
        status = self.forward(body, signature)
        if mode == "duplicate":
            self.put(0, body, signature)
            self.put(self.rng.uniform(0.5, 3), body, signature)
        elif mode == "forge":
            self.forge(body, signature)
        return status

    def release(self) -> None:
        for body, signature in reversed(self.held):
            self.put(0, body, signature)
        self.held = []

    # -- what leaves

    def forward(self, body: bytes, signature: str) -> int:
        connection = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=15)
        try:
            headers = {"Content-Type": "application/json"} | ({SIGNATURE: signature} if signature else {})
            connection.request("POST", self.target.path, body, headers)
            reply = connection.getresponse()
            reply.read()
            return reply.status
        except (OSError, http.client.HTTPException):
            return 503
        finally:
            connection.close()

    def put(self, wait: float, body: bytes, signature: str) -> None:
        now = time.monotonic()
        self.later.put((now + wait, now + wait + PATIENCE_SECONDS, body, signature))

    def deliver_later(self) -> None:
        """In the order of their times, one after another; what isn't taken comes again."""
        while not self.is_over.is_set():
            try:
                due, until, body, signature = self.later.get(timeout=0.5)
            except queue.Empty:
                continue
            now = time.monotonic()
            if due > now:
                self.later.put((due, until, body, signature))
                self.is_over.wait(min(due - now, 0.05))
            elif self.forward(body, signature) >= 500 and now < until:
                self.later.put((now + 1, until, body, signature))
            self.later.task_done()

    # -- forgeries

    def forge(self, body: bytes, signature: str) -> None:
        for name, forged, signed in self.forgeries(body, signature):
            status = self.forward(forged, signed)
            self.counts["forgeries"] += 1
            if 200 <= status < 300:
                self.accepted_forgeries.append(f"{name} was answered {status}")

    def forgeries(self, body: bytes, signature: str):
        """(what it is, body, signature) of messages that no provider sent."""
        document = json.loads(body)
        captured = json.dumps(document | {"id": f"evt_forged{self.rng.getrandbits(64):x}", "type": "charge.captured"}).encode()
        cheaper = json.loads(body)
        cheaper["data"]["amount"]["amount"] += 1
        yield "another amount under the signature of a true webhook", json.dumps(cheaper).encode(), signature
        yield "a capture without a signature", captured, ""
        yield "a capture signed with a guessed secret", captured, sign(captured, "guess", time.time())
        yield "a capture signed with an empty secret", captured, sign(captured, "", time.time())
        moment = signature.partition(",")[0].removeprefix("t=")
        yield "a true webhook with a fresh time", body, signature.replace(moment, str(int(time.time()) + 60), 1)


def sign(body: bytes, secret: str, moment: float) -> str:
    seconds = int(moment)
    return f"t={seconds},v1={hmac.new(secret.encode(), f'{seconds}.'.encode() + body, hashlib.sha256).hexdigest()}"
