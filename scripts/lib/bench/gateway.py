"""Gateway: CPU per request and p99 of the `gateway` executable before an nginx that answers with one kilobyte, with request id,
rate limit and metrics on, without and with the verification of an RS256 token at the edge, beside nginx and HAProxy as proxies
before the same upstream without any of that; and once with the limit counted in Redis for all gateways together, which asks it with
every request. One worker each, 64 connections of wrk."""

from __future__ import annotations

import base64
import json
import pathlib
import subprocess
import time
import uuid
from collections.abc import Iterator

from cluster.cluster import Cluster
from cluster.credentials import openssl
from cluster.description import behind_the_gateway
from cluster.ports import choose_free
from cluster.process import ClusterError
from cluster.service import Service

from .measure import Experiment, Goal
from .web import haproxy, load, nginx, nginx_proxy
from .workplace import Workplace

PACKAGES = ["nginx-light", "haproxy", "wrk", "redis-server", "openssl"]
CONNECTIONS = 64
CASE = "1 KB through the proxy"
VERIFIED = "1 KB with an RS256 token"
SHARED = "1 KB with a limit in Redis"


def experiments(place: Workplace) -> Iterator[Experiment]:
    key = place.folder / "gateway-key.pem"
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(key))
    upstream = place.running(nginx(
        place.folder, "nginx-upstream",
        f"location = /.well-known/jwks.json {{ return 200 '{key_set(key)}'; }} location / {{ return 200 '{'x' * 1024}'; }}"))
    peers = {"nginx": place.running(nginx_proxy(place.folder, upstream.port)), "HAProxy": place.running(haproxy(place.folder, upstream.port))}
    seconds = place.amount(3, 1)
    token = {"Authorization": f"Bearer {signed(key)}"}
    ours = {"gateway": start_gateway(place, upstream.port, place.programs, "gateway")}
    if place.before:
        ours["before"] = start_gateway(place, upstream.port, place.before, "gateway-before")
    contenders = {**ours, **peers}

    def goals(most: float) -> list[Goal]:
        return [Goal("cpu_us", at_most=most, times="nginx"), Goal("p99_ms", at_most=1.5, times="nginx")]
    for case, headers, path, wanted in ((CASE, {}, OPEN, goals(1.5)), (VERIFIED, token, GUARDED, goals(2.5)), (SHARED, {}, COUNTED, [])):
        yield Experiment(
            {name: lambda part=part, path=path if name in ours else "/": {
                case: load(f"http://127.0.0.1:{part.port}{path}", CONNECTIONS, seconds, [part.process.pid], headers)}
             for name, part in contenders.items()}, {case: wanted})


# -- how the gateway is configured: only this knows

OPEN, GUARDED, COUNTED = "/open", "/guarded", "/counted"
# No access log: the peers write none either. The limit is never reached, and but for one route counted by this gateway alone, as
# one of nginx would be.
POLICY = f"""
include: marketplace
access_log: false
defaults:
  rate_limits:
    - {{name: default, key: client, quota: 10000000, window: 1s, shared: false}}
routes:
  - {{path: {OPEN}, upstream: product}}
  - {{path: {GUARDED}, upstream: product, token: required}}
  - path: {COUNTED}
    upstream: product
    rate_limits:
      - {{name: shared, key: client, quota: 10000000, window: 1s}}
"""


def start_gateway(place: Workplace, upstream: int, programs: pathlib.Path, name: str) -> Service:
    """The gateway on one event loop, with every service at the upstream, which serves the keys of tokens, too."""
    ports = choose_free()
    ports |= {name: upstream for name in behind_the_gateway()}
    # On its own port, where an earlier gateway has its probes, too.
    ports["gateway.ops"] = ports["gateway"]
    folder = place.subfolder(name)
    (folder / "policy.yaml").write_text(POLICY)
    cluster = Cluster(folder, "rabbitmq", programs, ports, variables={
        "SOUK_LOG_LEVEL": "warning", "SOUK_RATE_LIMIT_EXEMPT": "192.0.2.1", "SOUK_GATEWAY_THREADS": "1",
        "SOUK_GATEWAY_POLICY_FILE": str(folder / "policy.yaml")})
    place.running(cluster.redis)
    return place.running(cluster.services["gateway"])


# -- tokens as the auth service makes them


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def key_set(key: pathlib.Path) -> str:
    modulus = openssl("rsa", "-in", str(key), "-noout", "-modulus").strip().partition("=")[2]
    return json.dumps({"keys": [
        {"kty": "RSA", "kid": "bench", "use": "sig", "alg": "RS256", "n": text(bytes.fromhex(modulus)), "e": "AQAB"}]})


def signed(key: pathlib.Path) -> str:
    now = int(time.time())
    header = {"alg": "RS256", "kid": "bench", "typ": "at+jwt"}
    claims = {
        "iss": "souk", "aud": ["souk"], "sub": str(uuid.UUID(int=7 << 76 | 8 << 60 | 1)), "sid": str(uuid.UUID(int=7 << 76 | 8 << 60 | 2)),
        "jti": str(uuid.UUID(int=7 << 76 | 8 << 60 | 3)), "roles": ["customer"], "iat": now, "nbf": now, "exp": now + 3600}
    unsigned = ".".join(text(json.dumps(part).encode()) for part in (header, claims))
    done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(key)], input=unsigned.encode(), capture_output=True)
    if done.returncode != 0:
        raise ClusterError(f"openssl dgst: {done.stderr.decode(errors='replace').strip()}")
    return f"{unsigned}.{text(done.stdout)}"
