"""The gateway's executable with a policy file, and what can be seen of it from outside."""

from __future__ import annotations

import json
import pathlib
import re
import signal
import ssl
import string
import subprocess
import time

from cluster import credentials
from cluster.part import Part
from cluster.ports import free


def wait_until(what: str, probe, seconds: float = 10.0):
    """Asks until the answer is true, and gives it."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.01)
    return found


class Gateway(Part):
    ready_seconds = 30.0
    stop_seconds = 20.0

    def __init__(self, folder: pathlib.Path, program: pathlib.Path, identity: pathlib.Path, policy: str, values: dict,
                 env: dict[str, str]):
        super().__init__("gateway", folder)
        self.program, self.identity, self.values, self.env = program, identity, values, env
        (self.port,) = free(1)
        self.policy_file = folder / "policy.yaml"
        self.is_tls = "certificate_file" in policy
        self.write(policy)

    # -- what it is told

    def write(self, policy: str, **values) -> None:
        """Another policy, for the next start or reload."""
        self.values |= values
        text = string.Template(policy).substitute({name: str(value) for name, value in self.values.items()})
        self.policy_file.write_text(text)

    def command(self) -> list:
        return [self.program, "serve"]

    def environment(self) -> dict[str, str]:
        nobody = "127.0.0.1:1"
        peers = {name: nobody for name in ("AUTH", "PRODUCT", "VENDOR", "ORDER", "PAYMENT", "NOTIFICATION")}
        return {
            "SOUK_HOST": "127.0.0.1", "SOUK_PORT": str(self.port), "SOUK_LOG_FORMAT": "json", "SOUK_LOG_LEVEL": "info",
            "SOUK_GATEWAY_POLICY_FILE": str(self.policy_file), "SOUK_GATEWAY_THREADS": "2",
            "SOUK_SERVICE_KEY_FILE": str(credentials.identity(self.identity, "gateway")),
            "SOUK_SERVICE_KEYS_DIR": str(self.identity / "public"),
            # Where tests look at its metrics; it is not to come back when they kill it.
            "SOUK_OPS_PORT": "public", "SOUK_SUPERVISOR": "off",
            # Nobody is there: it has to do without Redis and services.
            "SOUK_REDIS_URL": f"redis://{nobody}",
        } | {f"SOUK_{name}_{kind}_ADDRESS": address for name, address in peers.items() for kind in ("HTTP", "GRPC")} | self.env

    # -- life

    def start(self) -> "Gateway":  # type: ignore[override]  # tests go on with what it returns
        super().start()
        self.await_ready()
        return self

    def probe(self) -> str | None:
        from h1client import Client

        try:
            with Client(self, timeout=5) as client:
                reply = client.ask("GET", "/livez")
        except (OSError, AssertionError) as error:
            return str(error) or "it does not answer"
        return None if reply.status == 200 else f"/livez answers {reply.status}"

    def run_to_end(self) -> subprocess.CompletedProcess:
        """Starts it where it is to end by itself."""
        return subprocess.run(
            self.command(), env=self.environment(), cwd=self.folder, capture_output=True, text=True, timeout=30)

    def close(self) -> None:
        """Ends it; where it still runs, it has to end well."""
        if self.is_running:
            status = self.stop()
            assert status == 0, f"the gateway ended with {status}: {self.tail()}"
        elif self.process.child:
            assert self.process.returncode == 0, f"the gateway ended with {self.process.returncode}: {self.tail()}"

    def terminate(self) -> None:
        """Begins a shutdown."""
        self.process.send(signal.SIGTERM)

    def wait_for_end(self, seconds: float = 15.0) -> int:
        assert self.process.wait(seconds), f"it did not end in {seconds:g} s"
        return self.process.returncode

    def reload(self, expected: str = "the policy was read again") -> dict:
        """Has it read its policy again, and gives the line that it logs of that."""
        before = len(self.lines())
        self.process.send(signal.SIGHUP)

        def found():
            return next((line for line in self.lines()[before:] if line["message"] == expected), None)

        return wait_until(f"'{expected}' in the log", found)

    @property
    def context(self) -> ssl.SSLContext | None:
        """For clients of a gateway with TLS: whose certificate it is doesn't matter to most tests."""
        if not self.is_tls:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    # -- what can be seen

    def lines(self) -> list[dict]:
        """What it has logged, each line as it was; a line that is being written is left out."""
        text = self.log.read_text(errors="replace")
        whole = text[:text.rfind("\n") + 1].splitlines()
        return [json.loads(line) for line in whole if line.startswith("{")]

    def requests(self, **fields: str) -> list[dict]:
        """The lines of the access log with these values."""
        return [line for line in self.lines() if line["message"] == "request" and fields.items() <= line.items()]

    def tail(self) -> str:
        return self.process.last_lines(8)

    def memory_kilobytes(self) -> int:
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)[1])

    def metrics(self) -> dict[str, float]:
        """Values by series: `name{label="value"}`."""
        from h1client import Client

        with Client(self) as client:
            reply = client.ask("GET", "/metrics")
        assert reply.status == 200
        samples = (line.rpartition(" ") for line in reply.body.decode().splitlines() if line and not line.startswith("#"))
        return {series: float(value) for series, _, value in samples}

    def series(self, name: str, **labels: str) -> float:
        """The sum of all series of that name which have these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            value for series, value in self.metrics().items()
            if series.split("{")[0] == name and all(part in series for part in wanted))

