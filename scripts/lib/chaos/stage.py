"""Everything that a run of chaos stands on: a cluster whose links, clocks, disk and webhooks can be meddled with."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import signal
import tempfile

from cluster.cluster import Cluster
from cluster.kafka import Kafka
from cluster.process import ClusterError
from cluster.description import services
from cluster.service import Service
from souk_client import Client

from . import witness
from .disk import Disk
from .links import Links
from .meddler import Meddler
from .namespace import Namespace
from .signals import signal_all
from .supervisor import Supervisor

# Lives in a network namespace of its own: it sells the stock, and is called and told by others.
ISOLATED = "vendor"
# Whose calls of others go through links of ours, beside those of the isolated one.
LINKED = "order"
# Cheap password hashing, and deadlines short enough to see them pass.
HASTE = {
    "SOUK_AUTH_ARGON2_MEMORY_KIB": "1024", "SOUK_AUTH_ARGON2_ITERATIONS": "1", "SOUK_LOG_LEVEL": "warning",
    "SOUK_ORDER_RECONCILE_INTERVAL": "5s", "SOUK_ORDER_RECONCILE_AFTER": "20s", "SOUK_PAYMENT_RECONCILE_INTERVAL": "5s",
    "SOUK_PAYMENT_RECONCILE_AFTER": "10s",
    # A few shoppers decline and cancel as much as a thousand do.
    "SOUK_ORDER_COOL_DOWN": "0s", "SOUK_VENDOR_HOLD_ATTEMPTS": "1000"}


class PlacedService(Service):
    """A service that is told other addresses of its peers and, with a namespace, lives in that."""

    def __init__(self, of: Service, namespace: Namespace | None = None):
        super().__init__(of.name, of.folder, of.program, of.port, of.ops_port, of.variables)
        self.namespace = namespace
        # Address that it would be told → the one that it is told.
        self.detours: dict[str, str] = {}
        self.more: dict[str, str] = {}
        if namespace:
            self.host = namespace.address

    def command(self) -> list:
        return self.namespace.command(super().command()) if self.namespace else super().command()

    def environment(self) -> dict[str, str]:
        told = super().environment() | self.more
        for name, value in told.items():
            if name.endswith(("_URL", "_ADDRESS", "_BROKERS")) and name != "SOUK_PUBLIC_URL":
                for plain, detour in self.detours.items():
                    value = value.replace(plain, detour) if value.endswith(plain) or f"{plain}/" in value else value
                told[name] = value
        if self.namespace:
            told |= {"SOUK_HOST": self.namespace.address, "SOUK_OPS_HOST": self.namespace.address, "SOUK_TRUSTED_PROXIES": f"127.0.0.0/8,{self.namespace.host}/32",
                     "SOUK_RATE_LIMIT_EXEMPT": f"127.0.0.0/8,{self.namespace.host}/32"}
        return told


class Stage:
    """A cluster and what harm is done with. `close` leaves nothing behind.

    `existing` is a cluster that runs already (scripts/dev): its services are restarted to be told of links and webhooks, and
    restarted once more at the end; it gets neither a namespace nor a small disk.
    """

    def __init__(self, seed: int, broker: str, programs: pathlib.Path | None, checkouts: int, payment_window: int,
                 existing: Cluster | None = None):
        self.seed, self.is_private = seed, existing is None
        self.links, self.namespace, self.disks = Links(), None, []
        if existing:
            self.cluster = existing
        else:
            folder = pathlib.Path(tempfile.mkdtemp(prefix="souk-chaos-"))
            folder.chmod(0o711)
            if not Disk.missing():
                self.disks.append(Disk(folder, 1024 + checkouts // 4))
                # RabbitMQ asks for a disk of its own, on which it stops its publishers before it is full: without one the files
                # that say what a queue is may be cut off for good.
                if broker == "rabbitmq":
                    self.disks.append(Disk(folder / "rabbitmq", 1024, spare=64))
                for disk in self.disks:
                    disk.mount()
            self.cluster = Cluster(folder, broker, programs)
            # The addresses that a stand-in for Kafka names to its clients can't be led through a namespace.
            if broker == "rabbitmq" and not Namespace.missing():
                self.namespace = Namespace(1 + seed % 200)
        self.variables = dict(self.cluster.variables)
        self.cluster.variables |= HASTE | {
            "SOUK_ORDER_PAYMENT_WINDOW": f"{payment_window}s", "SOUK_ORDER_RESERVATION_SLACK": "60s"}
        self.meddler = Meddler(f"{self.cluster.url}/api/v1/payments/webhooks/sandbox", seed)
        self.supervisor = Supervisor(self.cluster)
        # Services that are told other addresses from the start.
        self.placed: dict[str, PlacedService] = {}
        # Ids of events that nobody can read.
        self.poisoned: list[str] = []
        # Where a copy of the logs was left.
        self.kept: pathlib.Path | None = None

    @property
    def broker(self) -> str:
        return self.cluster.broker

    @property
    def admin(self) -> Client:
        return Client(self.cluster.url, "admin@souk.example", self.cluster.admin_password_file.read_text().strip(), 120)

    # -- life

    def start(self) -> None:
        cluster = self.cluster
        if self.is_private:
            self.limit_logs()
        if self.namespace:
            self.namespace.create()
        for name in (ISOLATED, LINKED, "payment"):
            self.placed[name] = PlacedService(cluster.services[name], self.namespace if name == ISOLATED else None)
        cluster.services |= self.placed
        self.placed["payment"].more["SOUK_SANDBOX_WEBHOOK_URL"] = self.meddler.url
        if isinstance(cluster.kafka, Kafka):
            cluster.kafka.start()
            cluster.kafka.await_ready()
        self.lay_links()
        if not self.is_private:
            self.end_services()
        cluster.start()
        witness.install(cluster)
        self.supervisor.start()

    def limit_logs(self) -> None:
        """PostgreSQL's log of changes fits the small disk."""
        postgres = self.cluster.postgres
        postgres.prepare()
        with (postgres.home / "postgresql.auto.conf").open("a") as file:
            file.write("max_wal_size = '192MB'\nmin_wal_size = '32MB'\n")

    def lay_links(self) -> None:
        """Every address that the isolated and the linked service call leads through a proxy; and the way to the isolated one."""
        cluster, ports = self.cluster, self.cluster.ports
        servers = {"postgres": cluster.postgres.port, "redis": cluster.redis.port}
        if cluster.rabbitmq:
            servers["rabbitmq"] = cluster.rabbitmq.port
        for name in (LINKED, ISOLATED):
            service = self.placed[name]
            inside = service.namespace is not None
            host = service.namespace.host if inside else "127.0.0.1"
            peers = {"auth": ports["auth"]} | {f"{peer}.grpc": ports[f"{peer}.grpc"] for peer in services()[name].peers}
            for destination, port in (servers | peers).items():
                to = self.address_of(destination, port)
                mine = self.links.listen(f"{name}→{destination}", host, to, port if inside else 0)
                service.detours[f"127.0.0.1:{port}"] = f"{host}:{mine}"
        if self.namespace:
            # The others find the isolated one where it lives.
            plain = [ports[ISOLATED], ports[f"{ISOLATED}.grpc"]]
            for name, other in list(cluster.services.items()):
                if name not in (ISOLATED, LINKED):
                    placed = other if isinstance(other, PlacedService) else PlacedService(other)
                    cluster.services[name] = placed
                    placed.detours |= {f"127.0.0.1:{port}": f"{self.namespace.address}:{port}" for port in plain}

    def address_of(self, destination: str, port: int) -> tuple[str, int]:
        isolated = self.namespace and destination.startswith(ISOLATED)
        return (self.namespace.address if isolated else "127.0.0.1", port)

    def end_services(self) -> None:
        """Ends them; whoever starts the cluster next starts them as they are told now."""
        for service in self.cluster.services.values():
            service.stop()

    def heal(self) -> None:
        """Ends every harm that may still be at work, and starts what was told to misbehave anew."""
        self.meddler.set("pass")
        self.links.open()
        if self.namespace:
            self.namespace.heal()
        for disk in self.disks:
            disk.empty()
        for name in [name for name, told in self.supervisor.told.items() if told]:
            self.supervisor.tell(name)
            self.supervisor.kill(name)

    def close(self, keep: bool = False) -> list[str]:
        """Stops everything, and tells which services did not end well. `keep`, or such a one, leaves a copy of all logs."""
        self.supervisor.stop()
        with contextlib.suppress(ClusterError):
            self.heal_quietly()
        self.meddler.close()
        if not self.is_private:
            self.give_back()
            return []
        statuses = self.cluster.stop()
        bad = [f"{name} ended with {status} when it was asked to end" for name, status in statuses.items()
               if name in self.cluster.services and status != 0]
        self.links.close()
        if self.namespace:
            self.namespace.delete()
        if keep or bad:
            self.kept = pathlib.Path(tempfile.mkdtemp(prefix="souk-chaos-logs-"))
            shutil.copytree(self.cluster.folder / "logs", self.kept, dirs_exist_ok=True)
        if self.disks:
            self.cluster.postgres.purge()
            for disk in reversed(self.disks):
                disk.unmount()
        self.cluster.purge()
        return bad

    def give_back(self) -> None:
        """The cluster of somebody else's as it was: its services know no detours, its databases no witness."""
        self.end_services()
        self.links.close()
        for part in self.cluster.servers.values():
            part.start()
            part.await_ready()
        witness.remove(self.cluster)
        plain = Cluster.load(self.cluster.folder)
        plain.variables = self.variables
        plain.start()

    def heal_quietly(self) -> None:
        """What a cut-off run may have left stopped or cut."""
        for part in self.cluster.parts.values():
            signal_all(part, signal.SIGCONT)
        if self.namespace:
            self.namespace.heal()
        for disk in self.disks:
            disk.empty()
