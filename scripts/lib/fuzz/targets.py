"""What is attacked: private processes on loopback, each without a supervisor, so that its end is seen."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib

from cluster import credentials
from cluster.cluster import Cluster
from cluster.part import Part, http_get
from cluster.ports import free
from private_souk import PrivateSouk

# Nothing would be left to see of a process that is started again. Limits hold for those who attack, from other addresses of
# loopback, and not for who checks that a healthy request is served.
COMMON = {"SOUK_SUPERVISOR": "off", "SOUK_OPS_PORT": "0", "SOUK_RATE_LIMIT_EXEMPT": "127.0.0.1", "SOUK_LOG_LEVEL": "error"}
NAMES = ("http", "tls", "proxy", "grpc")
PRODUCTS = {"http": ["souk"], "tls": ["souk"], "proxy": ["souk", "gateway"], "grpc": ["auth-service"]}
SOUK = """
include: marketplace
access_log: false
listener: {max_connections: 20000$tls}
"""
PROXY = """
access_log: false
listener: {max_connections: 20000}
upstreams: {app: {targets: ["$app"]}}
defaults: {rate_limits: [], breaker: off, concurrency: off}
routes: [{path: /api/**, upstream: app}]
"""


@dataclasses.dataclass
class Target:
    name: str
    kind: str
    port: int
    pid: int
    weight: int
    log: pathlib.Path

    @property
    def argument(self) -> str:
        return f"{self.name}:{self.kind}:{self.port}:{self.pid}:{self.weight}"


class Gateway(Part):
    """The gateway's executable before one service."""

    def __init__(self, folder: pathlib.Path, program: pathlib.Path, app: int):
        super().__init__("gateway", folder)
        self.program, self.app = program, app
        (self.port,) = free(1)

    def prepare(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "policy.yaml").write_text(PROXY.replace("$app", f"127.0.0.1:{self.app}"))

    def command(self) -> list:
        return [self.program, "serve"]

    def environment(self) -> dict[str, str]:
        nobody = "127.0.0.1:1"
        peers = ("AUTH", "PRODUCT", "VENDOR", "ORDER", "PAYMENT", "NOTIFICATION")
        return COMMON | {
            "SOUK_HOST": "127.0.0.1", "SOUK_PORT": str(self.port), "SOUK_GATEWAY_POLICY_FILE": str(self.home / "policy.yaml"),
            "SOUK_SERVICE_KEY_FILE": str(credentials.identity(self.folder / "identity", "gateway")),
            "SOUK_SERVICE_KEYS_DIR": str(self.folder / "identity/public"),
            "SOUK_JWKS_URL": f"http://{nobody}/jwks.json", "SOUK_REDIS_URL": f"redis://{nobody}",
        } | {f"SOUK_{name}_{kind}_ADDRESS": nobody for name in peers for kind in ("HTTP", "GRPC")}

    def probe(self) -> str | None:
        answer = http_get(self.port, "/api/v1/products?limit=1")
        return None if answer and answer[0] == 200 else f"it answers {answer}"


class Targets:
    """Starts what is named, gives it, and stops it in the end."""

    def __init__(self, folder: pathlib.Path, programs: pathlib.Path, names: list[str]):
        self.folder, self.programs, self.names = folder, programs, names
        self.ends = contextlib.ExitStack()

    def __enter__(self) -> list[Target]:
        try:
            return self.start()
        except BaseException:
            self.ends.close()
            raise

    def __exit__(self, *_) -> None:
        self.ends.close()

    def start(self) -> list[Target]:
        found = []
        if "http" in self.names or "proxy" in self.names:
            souk = self.souk("http")
            if "http" in self.names:
                found.append(Target("http", "http", souk.port, souk.process.pid, 5, souk.data / "souk.log"))
            if "proxy" in self.names:
                gateway = Gateway(self.folder, self.programs / "gateway", souk.port)
                self.ends.callback(gateway.stop)
                gateway.start()
                gateway.await_ready()
                found.append(Target("proxy", "http", gateway.port, gateway.process.pid, 2, gateway.log))
        if "tls" in self.names:
            _, certificate, key = credentials.server_certificate(self.folder / "certificate")
            souk = self.souk("tls", f", tls: {{certificate_file: {certificate}, key_file: {key}}}")
            found.append(Target("tls", "tls", souk.port, souk.process.pid, 2, souk.data / "souk.log"))
        if "grpc" in self.names:
            found.append(self.auth())
        return found

    def souk(self, name: str, tls: str = "") -> PrivateSouk:
        data = self.folder / name
        data.mkdir(parents=True, exist_ok=True)
        policy = data / "policy.yaml"
        policy.write_text(SOUK.replace("$tls", tls))
        souk = PrivateSouk(
            data, binary=self.programs / "souk", env=COMMON | {"SOUK_GATEWAY_POLICY_FILE": str(policy)})
        self.ends.callback(souk.stop)
        return souk.start()

    def auth(self) -> Target:
        variables = {"SOUK_LOG_LEVEL": "error"}
        cluster = Cluster(self.folder / "cluster", "rabbitmq", self.programs, variables=variables)
        self.ends.callback(cluster.stop)
        cluster.start(["auth"])
        auth = cluster.services["auth"]
        return Target("grpc", "grpc", cluster.ports["auth.grpc"], auth.process.pid, 2, auth.log)
