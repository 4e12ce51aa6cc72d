"""HTTP servers to compare with, and wrk, which loads them."""

from __future__ import annotations

import json
import pathlib
import subprocess
import time

from cluster.part import Part, http_get
from cluster.ports import free
from cluster.process import ClusterError

from .measure import complete, processor_seconds

SCRIPTS = pathlib.Path(__file__).parent / "wrk"


class WebServer(Part):
    """nginx or HAProxy with a configuration of ours, in the foreground, one worker."""

    def __init__(self, name: str, folder: pathlib.Path, command: list, configuration: str, port: int):
        super().__init__(name, folder)
        self.words, self.text, self.port = command, configuration, port

    def prepare(self) -> None:
        self.home.mkdir(mode=0o711, parents=True, exist_ok=True)
        (self.home / "configuration").write_text(self.text)

    def command(self) -> list:
        return self.words

    def probe(self) -> str | None:
        return None if http_get(self.port, "/") else "it does not answer"


def nginx(folder: pathlib.Path, name: str, server: str, http: str = "") -> WebServer:
    """An nginx with one worker; `server` stands in its server block and `http` before that."""
    port, home = free(1)[0], folder / name
    temporary = "\n".join(f"  {kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = f"""
daemon off; master_process off; worker_processes 1; error_log stderr error; pid {home}/pid;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; tcp_nodelay on; sendfile on;
{temporary}
  {http}
  server {{
    listen 127.0.0.1:{port};
    {server}
  }}
}}
"""
    return WebServer(name, folder, ["nginx", "-p", home, "-c", home / "configuration"], text, port)


def nginx_proxy(folder: pathlib.Path, upstream: int) -> WebServer:
    return nginx(
        folder, "nginx-proxy",
        "location / { proxy_pass http://upstream; proxy_http_version 1.1; proxy_set_header Connection \"\"; }",
        f"upstream upstream {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}")


def haproxy(folder: pathlib.Path, upstream: int) -> WebServer:
    port = free(1)[0]
    text = f"""
global
  nbthread 1
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend entrance
  bind 127.0.0.1:{port}
  default_backend upstream
backend upstream
  server one 127.0.0.1:{upstream}
"""
    return WebServer("haproxy", folder, ["haproxy", "-db", "-f", folder / "haproxy/configuration"], text, port)


def load(url: str, connections: int, seconds: float, pids: list[int], headers: dict[str, str] | None = None) -> dict[str, float]:
    """Loads one URL with one thread of wrk; the sample holds the CPU of `pids`. Raises where an answer was not 2xx or 3xx."""
    more = [word for name, value in (headers or {}).items() for word in ("-H", f"{name}: {value}")]
    before = processor_seconds(pids)
    found = wrk([f"-c{connections}", "-t1", f"-d{max(1, round(seconds))}s", "-s", SCRIPTS / "report.lua", *more, url])
    spent = processor_seconds(pids) - before
    if found["errors"] or not found["requests"]:
        raise ClusterError(f"{url}: {found['errors']} of {found['requests']} requests failed")
    return {
        "rate": found["requests"] / found["seconds"], "cpu_us": spent / found["requests"] * 1e6, "p50_ms": found["p50_ms"],
        "p99_ms": found["p99_ms"]}


def wrk(words: list) -> dict:
    """Runs wrk and gives what the script's done function reported."""
    output, _ = complete(["wrk", "--latency", *words])
    line = next((line for line in output.splitlines() if line.startswith("{")), None)
    if line is None:
        raise ClusterError(f"wrk: {' '.join(output.split())[:200]}")
    return json.loads(line)


def get(url: str, headers: dict[str, str] | None = None) -> bytes:
    """The body of one page, by curl, which shares nothing with what is measured."""
    words = [word for name, value in (headers or {}).items() for word in ("-H", f"{name}: {value}")]
    done = subprocess.run(["curl", "-fsS", "--max-time", "10", *words, url], capture_output=True)
    if done.returncode != 0:
        raise ClusterError(f"{url}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def settle(seconds: float = 0.3) -> None:
    """Lets go of what the last contender left running."""
    time.sleep(seconds)
