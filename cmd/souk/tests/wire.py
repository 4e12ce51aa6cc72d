"""Requests that no polite client sends: bytes to a socket, and what came back."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Sequence

from souk_client import Reply


def send_bytes(server, data: bytes, timeout: float = 10, port: int | None = None) -> bytes:
    """All that the server answers until it closes or the time is up; on its public port unless another is given."""
    with socket.create_connection(("127.0.0.1", port or server.port), timeout=timeout) as connection:
        answer = b""
        # It may refuse before it has read all; the answer is there all the same.
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        with contextlib.suppress(OSError):
            while chunk := connection.recv(65536):
                answer += chunk
        return answer


def parse(answer: bytes) -> Reply:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    assert re.match(r"HTTP/1\.1 \d{3} ", lines[0]), answer[:200]
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(": ")
        assert name.lower() not in headers or name.lower() == "vary", f"{name} came twice"
        headers[name.lower()] = value
    return Reply(int(lines[0].split()[1]), headers, body)


def ask(server, method: str, target: str, body: bytes | str | dict | None = None,
        headers: dict[str, str] | Sequence[tuple[str, str]] = (), timeout: float = 10, port: int | None = None) -> Reply:
    """One request on a connection of its own: these headers, and Host, Connection and Content-Length."""
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    names = {name.lower() for name, _ in pairs}
    if isinstance(body, dict):
        body = json.dumps(body)
        if "content-type" not in names:
            pairs.append(("Content-Type", "application/json"))
    raw = body.encode() if isinstance(body, str) else body or b""
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        pairs.append(("Content-Length", str(len(raw))))
    head = f"{method} {target} HTTP/1.1\r\nHost: souk.example\r\nConnection: close\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in pairs) + "\r\n"
    return parse(send_bytes(server, head.encode("utf-8", "surrogateescape") + raw, timeout, port))


def ask_operations(server, path: str) -> Reply:
    """One of /livez, /readyz and /metrics."""
    return ask(server, "GET", path, port=server.ops_port)


def problem(reply: Reply, status: int, code: str | None = None) -> dict:
    """Checks that the answer is a whole problem document and shows nothing of the inside."""
    assert reply.status == status, f"{reply.status} instead of {status}: {reply.raw[:300]}"
    assert reply.headers["content-type"] == "application/problem+json" and reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    document = reply.json
    assert document["status"] == status and document["title"] and document["detail"]
    assert document["type"] == f"urn:souk:problem:{document['code']}"
    assert document["instance"] == f"urn:souk:request:{reply.headers['x-request-id']}" and document["trace_id"]
    assert not re.search(r"swift|sqlite|select |fatal|nio|/internal/|stack", reply.raw.decode(), re.I), reply.raw
    assert code is None or document["code"] == code, document
    return document


def anonymised(reply: Reply) -> bytes:
    """The body without what names this one request, to compare with another's byte for byte."""
    fields = {k: v for k, v in reply.json.items() if k not in ("instance", "trace_id")}
    return json.dumps(fields, sort_keys=True).encode()
