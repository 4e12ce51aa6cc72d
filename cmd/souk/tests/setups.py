"""The set-ups that the same tests run in: one process, or a process per service with either broker."""

from __future__ import annotations

import itertools
import os
import pathlib
import shutil
import tempfile

from cluster.cluster import Cluster, Servers
from cluster.ports import choose_free
from cluster.process import ClusterError
from cluster.service import Service
from private_souk import PrivateSouk, StartFailed

SETUPS = ("souk", "rabbitmq", "kafka")
# Cheap password hashing: what is tested here is not Argon2.
FAST = {"SOUK_AUTH_ARGON2_MEMORY_KIB": "1024", "SOUK_AUTH_ARGON2_ITERATIONS": "1"}


class PrivateCluster:
    """A process per service, with the interface of `PrivateSouk`."""

    def __init__(self, data: pathlib.Path, broker: str, programs: pathlib.Path, env: dict[str, str],
                 servers: Servers | None = None, namespace: str = "souk"):
        self.data = pathlib.Path(data).absolute()
        self.cluster = Cluster(
            self.data, broker, programs, variables={"SOUK_LOG_LEVEL": "info"} | env, servers=servers, namespace=namespace,
            kafka=os.environ.get("SOUK_TEST_KAFKA_BROKERS") or None, kafka_restart=os.environ.get("SOUK_TEST_KAFKA_RESTART") or None)
        self.admin_password = self.cluster.admin_password_file.read_text().strip()
        self.url, self.port, self.ops_port = self.cluster.url, self.cluster.ports["gateway"], self.cluster.ports["gateway.ops"]
        self.env = env

    # -- all of it

    def start(self, wait: float = 60.0, **env) -> "PrivateCluster":
        for part in self.cluster.parts.values():
            part.ready_seconds = wait
        try:
            self.cluster.start(**env)
        except ClusterError as error:
            raise StartFailed(str(error)) from error
        return self

    @property
    def running(self) -> bool:
        return any(part.is_running for part in self.cluster.services.values())

    def kill(self) -> None:
        """kill -9 to every service and the gateway; servers live on."""
        for part in self.cluster.services.values():
            part.kill()

    def stop(self) -> int:
        """Asks services, gateway and its own servers to stop; the first exit status that is not 0, or 0."""
        statuses = self.cluster.stop()
        return next((statuses[name] for name in self.cluster.services if statuses.get(name)), 0)

    def close(self) -> None:
        """Stops it and gives back what it had of the servers; logs stay, for whoever looks into a failed test.

        Whatever still runs has to end by itself and well: a part that is killed in the end has lost something.
        """
        statuses = self.cluster.stop()
        self.cluster.leave_servers()
        bad = {name: status for name, status in statuses.items() if status != 0}
        assert not bad, f"ended with {bad}; the logs are in {self.data / 'logs'}"

    def __enter__(self) -> "PrivateCluster":
        return self if self.running else self.start()

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def has_own_kafka(self) -> bool:
        """A stand-in of its own can be taken away; a cluster that others may use can't."""
        return bool(self.cluster.kafka) and not self.cluster.external_kafka

    # -- part by part

    @property
    def names(self) -> list[str]:
        return list(self.cluster.services)

    def part(self, name: str) -> Service:
        return self.cluster.services[name]

    def kill_part(self, name: str) -> None:
        self.part(name).kill()

    def start_part(self, name: str, **env: str) -> None:
        part = self.part(name)
        part.start(**env)
        # It may be told to die at once: whoever asks for that looks itself.
        if "SOUK_CRASH_POINT" not in env:
            part.await_ready()

    def is_part_running(self, name: str) -> bool:
        return self.part(name).is_running

    def returncode(self, name: str) -> int | None:
        return self.part(name).process.returncode

    def pids(self) -> dict[str, int | None]:
        return {name: part.process.pid for name, part in self.cluster.services.items()}

    # -- what it left

    def logs(self, *names: str) -> str:
        files = [self.cluster.parts[name].log for name in names or self.cluster.services]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def query(self, database: str, sql: str) -> list[tuple[str, ...]]:
        out = self.cluster.postgres.psql(self.cluster.database(database), sql).stdout
        return [tuple(line.split("|")) for line in out.splitlines()]

    def write(self, database: str, sql: str) -> None:
        """As the service itself would, triggers and constraints included."""
        self.cluster.postgres.psql(self.cluster.database(database), sql)

    def tamper(self, database: str, sql: str) -> None:
        """Past triggers and foreign keys, as only a superuser can."""
        self.cluster.postgres.psql(self.cluster.database(database), f"SET session_replication_role = replica; {sql}")

    @staticmethod
    def blob(data: bytes) -> str:
        return f"'\\x{data.hex()}'::bytea"


class Workshop:
    """Makes servers for one set-up and keeps what they share."""

    def __init__(self, setup: str, binary: pathlib.Path):
        self.setup, self.binary = setup, binary
        self.folder: pathlib.Path | None = None
        self.shared: Servers | None = None
        self.serial = itertools.count(1)

    def make(self, folder: pathlib.Path, own_servers: bool = False, **env: str):
        """A server that is not started. `own_servers` is for tests that disturb PostgreSQL or the broker."""
        if self.setup == "souk":
            return PrivateSouk(folder, binary=self.binary, env=FAST | env)
        servers = None if own_servers else self.servers()
        namespace = "souk" if own_servers else f"t{next(self.serial)}"
        return PrivateCluster(folder, self.setup, self.binary.parent, FAST | env, servers, namespace)

    def servers(self) -> Servers:
        if self.shared is None:
            # Not below pytest's folders, which only their owner may enter: PostgreSQL may run as another user.
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="souk-servers-"))
            self.folder.chmod(0o711)
            self.shared = Servers(self.folder, self.setup, choose_free())
            self.shared.start()
        return self.shared

    def close(self) -> None:
        if self.shared:
            self.shared.stop()
            shutil.rmtree(self.folder, ignore_errors=True)
