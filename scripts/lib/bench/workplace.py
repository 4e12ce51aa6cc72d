"""Where a run works: private servers that start when a part first asks for them, our programs, and one temporary folder."""

from __future__ import annotations

import contextlib
import functools
import pathlib
import shutil
import subprocess
import tempfile
from typing import TypeVar

from cluster import toolchain
from cluster.cluster import Servers
from cluster.credentials import secret
from cluster.kafka import Kafka
from cluster.part import Part
from cluster.ports import free
from cluster.postgres import Postgres, binaries
from cluster.process import ClusterError
from cluster.rabbitmq import RabbitMQ
from cluster.redis import Redis

from . import report

AnyPart = TypeVar("AnyPart", bound=Part)
ROOT = pathlib.Path(__file__).resolve().parents[3]
C_SOURCES = pathlib.Path(__file__).parent / "c"
# C program → what it is linked with.
C_PROGRAMS = {"rabbitmq_loop": "-lrabbitmq", "kafka_loop": "-lrdkafka"}


class DurablePostgres(Postgres):
    """A private PostgreSQL that syncs what it commits, as one with data that matters does."""

    def command(self) -> list:
        settings = ["fsync=on", "full_page_writes=on", "shared_buffers=256MB", "max_wal_size=2GB"]
        return super().command() + [word for setting in settings for word in ("-c", setting)]


class BenchKafka(Kafka):
    """The stand-in with topics of many partitions: it keeps 5 MB of each."""

    def __init__(self, folder: pathlib.Path, program: pathlib.Path, topics: dict[str, int]):
        super().__init__(folder, program)
        self.topics = topics

    def command(self) -> list:
        return [self.program, "--direct", *(word for name, count in self.topics.items() for word in ("--topic", f"{name}={count}"))]


class Workplace:
    """Everything that parts share. Whatever they start ends with it."""

    def __init__(self, quick: bool, programs: pathlib.Path | None, before: pathlib.Path | None = None):
        self.quick = quick
        self.given_programs = programs
        # Executables of an earlier version to compare with.
        self.before = before
        self.ending = contextlib.ExitStack()
        # PostgreSQL runs as another user where we are root: it must be able to come to its folder.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="souk-bench-"))
        self.folder.chmod(0o711)
        self.ending.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def __enter__(self) -> "Workplace":
        return self

    def __exit__(self, *_) -> None:
        self.ending.close()

    def amount(self, full, quick):
        """How much of something: small for a quick run."""
        return quick if self.quick else full

    # -- programs

    @functools.cached_property
    def programs(self) -> pathlib.Path:
        """The folder of our executables, built with optimisations."""
        if self.given_programs:
            return self.given_programs
        return toolchain.build("release", "kafka", [], "souk-bench")

    def program(self, name: str) -> pathlib.Path:
        found = self.programs / name
        if not found.exists():
            raise ClusterError(f"there is no {name} in {self.programs}")
        return found

    @functools.cache  # noqa: B019 - there is one workplace, as long as the process
    def c_program(self, name: str) -> pathlib.Path:
        """One of the comparison programs, compiled."""
        made = self.folder / name
        command: list = ["cc", "-O2", "-Wall", "-o", made, C_SOURCES / f"{name}.c", C_PROGRAMS[name]]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise ClusterError(f"{name}.c does not compile: {done.stderr.strip()[-300:]}")
        return made

    # -- servers

    def running(self, part: AnyPart) -> AnyPart:
        """Starts it and waits until it is ready; it ends with the run."""
        self.ending.callback(part.purge)
        self.ending.callback(part.stop)
        part.start()
        part.await_ready()
        return part

    @functools.cached_property
    def postgres(self) -> Postgres:
        return self.running(DurablePostgres(self.folder, free(1)[0]))

    @functools.cached_property
    def redis(self) -> Redis:
        return self.running(Redis(self.folder, free(1)[0]))

    @functools.cached_property
    def rabbitmq(self) -> RabbitMQ:
        server = RabbitMQ(self.folder, *free(3))
        server.tenants = {"bench": secret(self.folder / "secrets/rabbitmq")}
        return self.running(server)

    def kafka(self, topics: dict[str, int]) -> BenchKafka:
        """A new and empty one each time; whoever asked stops it."""
        return self.running(BenchKafka(self.folder, self.program("mock-kafka"), topics))

    @functools.cached_property
    def servers(self) -> Servers:
        """PostgreSQL and RabbitMQ for whole marketplaces."""
        names = ("postgres", "rabbitmq", "rabbitmq.distribution", "rabbitmq.epmd")
        folder = self.subfolder("servers")
        made = Servers(folder, "rabbitmq", dict(zip(names, free(4), strict=True)))
        made.postgres = DurablePostgres(folder, made.postgres.port)
        self.ending.callback(made.stop)
        made.start()
        return made

    def subfolder(self, name: str) -> pathlib.Path:
        made = self.folder / name
        made.mkdir(mode=0o711, exist_ok=True)
        return made

    def database(self, name: str) -> tuple[str, pathlib.Path]:
        """A new database of the bench's PostgreSQL: its URL and the file of its password."""
        file = self.folder / "secrets" / name
        self.postgres.add(name, secret(file))
        return self.postgres.url(name), file


def install(packages: list[str]) -> None:
    """Installs what is missing, by name."""
    toolchain.shell('install_packages "${BUILD_PACKAGES[@]}" "${SERVER_PACKAGES[@]}"', *packages)


def context(rounds: int, quick: bool, loads: list[float]) -> dict:
    """What a report says about the run as a whole; `loads` are what waited for a core before and after each part."""
    return {
        "date": report.today(), "revision": report.revision(ROOT), "machine": report.machine(), "versions": report.versions(binaries()),
        "rounds": rounds, "quick": quick,
        "load": [round(min(loads), 1), round(max(loads), 1)]}
