"""A private PostgreSQL: loopback only, a database and a role per service."""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from .credentials import scram_verifier, secret
from .part import Part
from .process import ClusterError

PACKAGES = ["postgresql"]


def binaries() -> pathlib.Path:
    """The folder of PostgreSQL's programs, of the newest version that is installed."""
    found = [path.parent for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    if program := shutil.which("postgres"):
        return pathlib.Path(program).resolve().parent
    raise ClusterError("PostgreSQL isn't installed (Debian: postgresql)")


class Postgres(Part):
    # Fast: ends sessions instead of waiting for them.
    stop_signal = signal.SIGINT

    def __init__(self, folder: pathlib.Path, port: int):
        super().__init__("postgres", folder)
        self.port = port
        self.password_file = folder / "secrets/postgres"
        # PostgreSQL refuses to run as root.
        if os.geteuid() == 0:
            self.user = "postgres"
            if not reachable(folder):
                name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
                self.home = pathlib.Path(f"/var/tmp/souk-postgres-{name}")  # noqa: S108 - made with mode 0700, or not at all
        # Databases to make when it is ready: name → password of the role of that name.
        self.tenants: dict[str, str] = {}

    def prepare(self) -> None:
        if (self.home / "PG_VERSION").exists():
            return
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(mode=0o700, parents=True)
        # initdb may not read our secret: it runs as another user.
        with tempfile.NamedTemporaryFile("w", prefix="souk-") as password:
            password.write(secret(self.password_file))
            password.flush()
            if self.user:
                shutil.chown(self.home, self.user)
                shutil.chown(password.name, self.user)
            made = subprocess.run(
                [binaries() / "initdb", "-D", self.home, "--username=postgres", f"--pwfile={password.name}",
                 "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"],
                capture_output=True, text=True, cwd="/", user=self.user)
        if made.returncode != 0:
            shutil.rmtree(self.home, ignore_errors=True)
            raise ClusterError(f"initdb: {made.stderr.strip()}")

    def command(self) -> list:
        settings = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": 400,
            # A kill loses nothing; only a power cut could. Files of a private server are not worth the wait.
            "fsync": "off", "full_page_writes": "off",
            # Nothing of it stays in /dev/shm when it is killed.
            "dynamic_shared_memory_type": "mmap", "shared_buffers": "64MB",
            "log_timezone": "UTC", "timezone": "UTC", "log_line_prefix": "%m [%p] %q%u@%d ",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [binaries() / "postgres", "-D", self.home, "-p", self.port, *words]

    @property
    def working_directory(self) -> pathlib.Path:
        return self.home

    def start(self, **env: str) -> None:
        if not self.is_running:
            self.cleared()
        super().start(**env)

    def probe(self) -> str | None:
        done = self.psql("postgres", "SELECT 1", check=False)
        return None if done.returncode == 0 else done.stderr.strip()

    def opened(self) -> None:
        for name, password in self.tenants.items():
            self.add(name, password)

    def kill(self) -> None:
        super().kill()
        self.cleared()

    def cleared(self) -> None:
        """Waits for the sessions of a killed server, and removes its lock file and the System V segment that is its mark.

        The next start would do that itself, but for a process that nobody has reaped, which it takes for a living one.
        """
        deadline = time.monotonic() + 10
        while lives_in(self.home):
            if time.monotonic() > deadline:
                raise ClusterError(f"sessions of PostgreSQL go on in {self.home}")
            time.sleep(0.01)
        lock = self.home / "postmaster.pid"
        try:
            lines = lock.read_text().splitlines()
        except OSError:
            return
        if len(lines) > 6 and (mark := lines[6].split()):
            subprocess.run(["ipcrm", "--shmem-id", mark[-1]], capture_output=True)
        lock.unlink(missing_ok=True)

    # -- databases

    def psql(self, database: str, sql: str, check: bool = True) -> subprocess.CompletedProcess:
        """Runs SQL as the superuser; what it prints has a line per row and | between columns."""
        done = subprocess.run(
            [binaries() / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port),
             "-U", "postgres", "-d", database],
            input=sql, capture_output=True, text=True,
            env={"PATH": os.environ.get("PATH", ""), "PGPASSWORD": secret(self.password_file), "PGCONNECT_TIMEOUT": "5"})
        if check and done.returncode != 0:
            raise ClusterError(f"psql {database}: {done.stderr.strip()}")
        return done

    def add(self, name: str, password: str) -> None:
        """A role with this password and a database of its own, which no other role may enter. Done again it changes nothing."""
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
        known = self.psql("postgres", f"SELECT rolname FROM pg_roles WHERE rolname = '{name}';"
                          f" SELECT datname FROM pg_database WHERE datname = '{name}';").stdout.split()
        statements = []
        if len(known) == 0:
            statements.append(f"CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"
                              f" PASSWORD '{scram_verifier(password)}';")
        if len(known) < 2:
            statements.append(f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0;")
        if statements:
            self.psql("postgres", "\n".join([
                *statements, f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;",
                "REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;"]))

    def remove(self, names: list[str]) -> None:
        drops = [f"DROP DATABASE IF EXISTS {name} WITH (FORCE); DROP ROLE IF EXISTS {name};" for name in names]
        self.psql("postgres", "\n".join(drops))

    def url(self, name: str) -> str:
        """Without its password, which is in a file."""
        return f"postgres://{name}@127.0.0.1:{self.port}/{name}"


def reachable(folder: pathlib.Path) -> bool:
    """Whether any user may come to that folder, or would once it is made."""
    return all(path.stat().st_mode & 0o001 for path in [folder, *folder.parents] if path.exists())


def lives_in(folder: pathlib.Path) -> bool:
    """Whether any process has that working directory, as every process of a PostgreSQL has its data folder."""
    for link in pathlib.Path("/proc").glob("[0-9]*/cwd"):
        try:
            if os.readlink(link) == str(folder):
                return True
        except OSError:
            continue
    return False
