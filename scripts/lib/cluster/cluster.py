"""A whole marketplace of processes: servers, services and the gateway, in one folder."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import pathlib
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

from . import credentials
from .description import behind_the_gateway, services
from .kafka import ExternalKafka, Kafka
from .part import Part
from .ports import choose_free, is_free
from .postgres import Postgres
from .process import ClusterError
from .rabbitmq import RabbitMQ
from .redis import Redis
from .service import Service

BROKERS = ("rabbitmq", "kafka")
ADMIN_EMAIL = "admin@souk.example"


class Servers:
    """PostgreSQL and the broker that several clusters share, each with databases and a virtual host of its own.

    The stand-in for Kafka has no such rooms, and Redis is too quick to start to be shared: a cluster has its own.
    """

    def __init__(self, folder: pathlib.Path, broker: str, ports: dict[str, int]):
        self.postgres = Postgres(folder, ports["postgres"])
        self.rabbitmq = RabbitMQ(
            folder, ports["rabbitmq"], ports["rabbitmq.distribution"], ports["rabbitmq.epmd"]) if broker == "rabbitmq" else None

    @property
    def parts(self) -> list[Part]:
        return [part for part in (self.postgres, self.rabbitmq) if part]

    def start(self) -> None:
        each(self.parts, lambda part: (part.start(), part.await_ready()))

    def stop(self) -> None:
        each(self.parts, lambda part: part.stop())
        each(self.parts, lambda part: part.purge())


class Cluster:
    """The processes below one folder.

    `programs` is the folder of the executables, `ports` as in `ports.py`, `namespace` what its databases, roles and virtual
    host are called. `variables` are for every service, beside what the cluster itself decides.
    """

    def __init__(self, folder: pathlib.Path, broker: str, programs: pathlib.Path, ports: dict[str, int] | None = None,
                 namespace: str = "souk", servers: Servers | None = None, variables: dict[str, str] | None = None,
                 kafka: str | None = None, kafka_restart: str | None = None):
        assert broker in BROKERS, broker
        self.folder, self.broker, self.programs = pathlib.Path(folder).absolute(), broker, pathlib.Path(programs)
        self.ports, self.namespace, self.shared = ports or choose_free(), namespace, servers
        self.variables = variables or {}
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        mine = servers or Servers(self.folder, broker, self.ports)
        self.postgres, self.rabbitmq = mine.postgres, mine.rabbitmq
        self.redis = Redis(self.folder, self.ports["redis"])
        self.external_kafka, self.kafka_restart = kafka, kafka_restart
        self.kafka = self.own_kafka() if broker == "kafka" else None
        self.services = {
            name: Service(
                name, self.folder, self.programs / service.executable, self.ports[name], self.ports[f"{name}.ops"],
                functools.partial(self.service_environment, name))
            for name, service in services().items()}

    def own_kafka(self) -> Kafka | ExternalKafka:
        """The stand-in, or a part of the cluster that was given: topics and groups whose names begin with what is random."""
        if not self.external_kafka:
            return Kafka(self.folder, self.programs / "mock-kafka")
        prefix = hashlib.sha256(self.secret("kafka-prefix").read_bytes()).hexdigest()[:12]
        return ExternalKafka(self.external_kafka, f"souk-{prefix}.", self.kafka_restart)

    @property
    def servers(self) -> dict[str, Part]:
        """The servers that are this cluster's alone."""
        kafka = self.kafka if isinstance(self.kafka, Kafka) else None
        mine = [self.redis, kafka] + ([] if self.shared else [self.postgres, self.rabbitmq])
        return {part.name: part for part in sorted((part for part in mine if part), key=lambda part: part.name)}

    @property
    def parts(self) -> dict[str, Part]:
        return self.servers | self.services

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['gateway']}"

    def part(self, name: str) -> Part:
        if name not in self.parts:
            raise ClusterError(f"there is no part {name}; there are {', '.join(self.parts)}")
        return self.parts[name]

    # -- what services are told

    def secret(self, name: str) -> pathlib.Path:
        """The file of a secret, which is made where it is missing."""
        file = self.folder / "secrets" / name
        credentials.secret(file)
        return file

    def database(self, name: str) -> str:
        """What a database and its role are called."""
        return f"{self.namespace}_{name}"

    def service_environment(self, name: str) -> dict[str, str]:
        port, service = self.ports, services()[name]
        told = {
            "SOUK_HOST": "127.0.0.1", "SOUK_PORT": str(port[name]),
            "SOUK_OPS_PORT": "public" if port[f"{name}.ops"] == port[name] else str(port[f"{name}.ops"]),
            # Whoever runs a cluster watches its processes: one that was killed stays so until it is started.
            "SOUK_SUPERVISOR": "off", "SOUK_LOG_FORMAT": "json", "SOUK_PUBLIC_URL": self.url,
            "SOUK_JWKS_URL": f"http://127.0.0.1:{port['auth']}/.well-known/jwks.json",
            "SOUK_SERVICE_KEY_FILE": str(credentials.identity(self.folder / "identity", name)),
            "SOUK_SERVICE_KEYS_DIR": str(self.folder / "identity/public"),
            "SOUK_REDIS_URL": self.redis.url, "SOUK_REDIS_PASSWORD_FILE": str(self.secret("redis")),
            # Everything on this machine may call as often as it likes: demo data and replays do.
            "SOUK_RATE_LIMIT_EXEMPT": "127.0.0.0/8,::1",
        }
        if service.is_entrance:
            told |= {f"SOUK_{peer.upper()}_HTTP_ADDRESS": f"127.0.0.1:{port[peer]}" for peer in behind_the_gateway()}
        else:
            told |= {"SOUK_GRPC_PORT": str(port[f"{name}.grpc"]), "SOUK_TRUSTED_PROXIES": "127.0.0.0/8"}
            told |= self.broker_environment()
        told |= {f"SOUK_{peer.upper()}_GRPC_ADDRESS": f"127.0.0.1:{port[f'{peer}.grpc']}" for peer in service.peers}
        for database in service.databases:
            prefix = f"SOUK_{database.upper()}_DATABASE"
            told[f"{prefix}_URL"] = self.postgres.url(self.database(database))
            told[f"{prefix}_PASSWORD_FILE"] = str(self.secret(f"{database}-database"))
        if name == "auth":
            told |= {
                "SOUK_AUTH_KEYS_DIR": str(self.folder / "token-keys"), "SOUK_AUTH_ADMIN_EMAIL": ADMIN_EMAIL,
                "SOUK_AUTH_ADMIN_PASSWORD_FILE": str(self.admin_password_file)}
        if name == "payment":
            told |= {
                "SOUK_SANDBOX_WEBHOOK_SECRET_FILE": str(self.folder / "webhook-secret"),
                "SOUK_SANDBOX_WEBHOOK_URL": f"{self.url}/api/v1/payments/webhooks/sandbox"}
            credentials.secret(self.folder / "webhook-secret")
        if name == "notification":
            told["SOUK_MAIL_DIRECTORY"] = str(self.folder / "mail")
        return told | self.variables

    def broker_environment(self) -> dict[str, str]:
        if self.broker == "kafka":
            return {"SOUK_BROKER": "kafka", "SOUK_KAFKA_BROKERS": self.kafka.brokers, "SOUK_KAFKA_PREFIX": self.kafka.prefix}
        return {
            "SOUK_BROKER": "rabbitmq", "SOUK_RABBITMQ_URL": self.rabbitmq.url(self.namespace),
            "SOUK_RABBITMQ_PASSWORD_FILE": str(self.secret("rabbitmq"))}

    @property
    def admin_password_file(self) -> pathlib.Path:
        file = self.folder / "admin-password"
        credentials.secret(file)
        return file

    # -- life

    @contextlib.contextmanager
    def locked(self):
        """One script at a time changes what runs."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def start(self, services: list[str] | None = None, told=lambda *_: None, wait_ready: bool = True, **env: str) -> None:
        """Starts what doesn't run of the servers and of these services (all when left out), side by side.

        `told(name, seconds)` hears of each that has become ready. `env` is for the services that are started now.
        Raises `ClusterError` with what the first one that failed said.
        """
        if isinstance(self.kafka, ExternalKafka):
            self.kafka.check()
        wanted = [self.services[name] for name in services or self.services]
        starting = [part for part in [*self.servers.values(), *wanted] if not part.is_running]
        self.check_ports(starting)
        self.name_tenants()
        failures: list[ClusterError] = []

        def bring_up(part: Part) -> None:
            started = time.monotonic()
            try:
                if failures:
                    return
                is_service = isinstance(part, Service)
                part.start(**(env if is_service else {}))
                if wait_ready or not is_service:
                    part.await_ready(unless=lambda: failures)
                if not failures:
                    told(part.name, time.monotonic() - started)
            except ClusterError as error:
                failures.append(error)

        # RabbitMQ takes longest, and services know how to wait for it. Without their databases they would only wait, each
        # for as long as its own back-off; the address of the stand-in for Kafka is not known before.
        with ThreadPoolExecutor(2) as pool:
            slow = pool.submit(each, [part for part in starting if part is self.rabbitmq], bring_up)
            each([part for part in starting if part in (self.postgres, self.redis, self.kafka)], bring_up)
            if self.shared:
                self.enter_shared()
            # Auth before the others, which ask it for its keys and would ask again only after some seconds.
            each([part for part in starting if part is self.services["auth"]], bring_up)
            each([part for part in starting if isinstance(part, Service) and part.name != "auth"], bring_up)
            slow.result()
        if failures:
            raise failures[0]

    def check_kafka(self) -> list[Service]:
        """The services that know an address at which the stand-in for Kafka no longer is: they must be started again."""
        if not self.kafka or self.external_kafka:
            return []
        told = f"SOUK_KAFKA_BROKERS={self.kafka.brokers}\0".encode()
        return [
            service for name, service in self.services.items() if name != "gateway" and (pid := service.process.pid)
            and told not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()]

    def name_tenants(self) -> None:
        """Tells servers of our own which accounts they are to have, before they start."""
        if self.shared:
            return
        self.postgres.tenants = self.databases()
        if self.rabbitmq:
            self.rabbitmq.tenants = {self.namespace: self.secret("rabbitmq").read_text().strip()}

    def databases(self) -> dict[str, str]:
        return {
            self.database(name): self.secret(f"{name}-database").read_text().strip()
            for service in services().values() for name in service.databases}

    def enter_shared(self) -> None:
        """Databases and a virtual host on servers that run already."""
        for name, password in self.databases().items():
            self.postgres.add(name, password)
        if self.rabbitmq and self.namespace not in self.rabbitmq.tenants:
            self.rabbitmq.add({self.namespace: self.secret("rabbitmq").read_text().strip()})

    def check_ports(self, starting: list[Part]) -> None:
        for part in starting:
            ports = [] if part is self.kafka else [part.port]
            ports += [self.ports[name] for name in (f"{part.name}.grpc", f"{part.name}.ops") if name in self.ports]
            for port in ports:
                if not is_free(port):
                    raise ClusterError(
                        f"port {port}, for {part.name}, is in use by another process; --ports free or --port-base choose others")

    def stop(self) -> dict[str, int | None]:
        """Ends everything, services before servers; gives the exit statuses where they are known."""
        statuses: dict[str, int | None] = {}

        def end(part: Part) -> None:
            was_running = part.is_running
            status = part.stop()
            if was_running:
                statuses[part.name] = status

        each(self.services.values(), end)
        each(self.servers.values(), end)
        return statuses

    def leave_servers(self) -> None:
        """Deletes its databases on shared servers and the data of its own; nothing runs any more."""
        if self.shared and self.postgres.is_running:
            self.postgres.remove(list(self.databases()))
        each(self.servers.values(), lambda part: part.purge())

    def purge(self) -> None:
        """Deletes everything that it made, the folder included; nothing runs any more."""
        self.leave_servers()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- who it is, for the next script

    def save(self) -> None:
        credentials.write_private(self.folder / "cluster.json", json.dumps({
            "broker": self.broker, "programs": str(self.programs), "ports": self.ports, "kafka": self.external_kafka,
            "kafka_restart": self.kafka_restart}, indent=2) + "\n")

    @staticmethod
    def load(folder: pathlib.Path, **variables: str) -> "Cluster | None":
        """The cluster that was saved in that folder; nil where there is none."""
        try:
            kept = json.loads((folder / "cluster.json").read_text())
            # Ports that an earlier version did not have are chosen now.
            return Cluster(folder, kept["broker"], pathlib.Path(kept["programs"]), choose_free() | kept["ports"], variables=variables,
                           kafka=kept.get("kafka"), kafka_restart=kept.get("kafka_restart"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError) as error:
            raise ClusterError(f"{folder}/cluster.json is damaged: {error}") from error


def each(items, work) -> list:
    """Does it for all of them at once."""
    items = list(items)
    if not items:
        return []
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(work, items))
