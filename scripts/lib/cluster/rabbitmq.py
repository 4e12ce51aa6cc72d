"""A private RabbitMQ node with an epmd of its own: loopback only, a user and a virtual host per cluster, no guest."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import socket
import subprocess

from .credentials import rabbitmq_hash, secret, server_certificate, write_private
from .part import Part, listens
from .process import ClusterError

PACKAGES = ["rabbitmq-server"]
# Debian's commands in /usr/sbin turn root into the user rabbitmq of the system's own node; these don't.
PROGRAMS = pathlib.Path("/usr/lib/rabbitmq/bin")


class Epmd(Part):
    """Erlang's port mapper. A node would start one that outlives it."""

    def __init__(self, folder: pathlib.Path, port: int):
        super().__init__("epmd", folder)
        self.port = port

    def command(self) -> list:
        return [shutil.which("epmd") or "/usr/bin/epmd", "-address", "127.0.0.1", "-port", self.port]

    def probe(self) -> str | None:
        return None if listens(self.port) else "it does not listen"


class RabbitMQ(Part):
    ready_seconds = 60.0
    stop_seconds = 30.0

    def __init__(self, folder: pathlib.Path, port: int, distribution_port: int, epmd_port: int, tls_port: int | None = None):
        super().__init__("rabbitmq", folder)
        self.tls_port = tls_port
        self.port, self.distribution_port = port, distribution_port
        self.epmd = Epmd(folder, epmd_port)
        self.configuration = folder / "secrets/rabbitmq.conf"
        self.definitions = folder / "secrets/rabbitmq.json"
        # Virtual host and user of the same name → password.
        self.tenants: dict[str, str] = {}

    def prepare(self) -> None:
        for folder in (self.home, self.home / "mnesia"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        cookie = self.home / ".erlang.cookie"
        if not cookie.exists():
            write_private(cookie, secret(self.folder / "secrets/erlang"))
        cookie.chmod(0o400)
        write_private(self.home / "enabled_plugins", "[].\n")
        self.write_definitions()
        encryption = []
        if self.tls_port:
            authority, certificate, key = server_certificate(self.folder / "secrets/tls")
            encryption = [
                f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}", f"ssl_options.cacertfile = {authority}",
                f"ssl_options.certfile = {certificate}", f"ssl_options.keyfile = {key}",
                "ssl_options.verify = verify_none", "ssl_options.fail_if_no_peer_cert = false"]
        write_private(self.configuration, "\n".join([
            *encryption,
            f"listeners.tcp.1 = 127.0.0.1:{self.port}", "log.file = false", "log.console = true",
            "log.console.level = warning", "log.console.formatter = json", f"load_definitions = {self.definitions}",
            # A laptop's memory and disk are not this node's.
            "vm_memory_high_watermark.absolute = 1GB", "disk_free_limit.absolute = 100MB",
            "raft.wal_max_size_bytes = 67108864",
        ]) + "\n")

    def write_definitions(self) -> None:
        """One virtual host per tenant, whose user may do everything in it and nothing elsewhere."""
        names = list(self.tenants)
        write_private(self.definitions, json.dumps({
            "users": [{"name": name, "password_hash": rabbitmq_hash(self.tenants[name]), "tags": "",
                       "hashing_algorithm": "rabbit_password_hashing_sha256"} for name in names],
            "vhosts": [{"name": name} for name in names],
            "permissions": [{"user": name, "vhost": name, "configure": ".*", "write": ".*", "read": ".*"}
                            for name in names],
        }))

    def command(self) -> list:
        return [PROGRAMS / "rabbitmq-server"]

    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home), "RABBITMQ_NODENAME": "souk@localhost", "RABBITMQ_MNESIA_BASE": str(self.home / "mnesia"),
            "RABBITMQ_DIST_PORT": str(self.distribution_port), "RABBITMQ_CONFIG_FILE": str(self.configuration),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.home / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(self.home / "environment"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.home / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.home / "pid"), "RABBITMQ_LOG_BASE": str(self.home),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.home / "config"), "RABBITMQ_LOGS": "-",
            # The node replaces the shell that starts it, so that our signals reach it.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self.epmd.port), "ERL_EPMD_ADDRESS": "127.0.0.1",
            # An interrupted node leaves no dump of its memory, in which passwords would be.
            "ERL_CRASH_DUMP_BYTES": "0",
        }

    def start(self, **env: str) -> None:
        if self.is_running:
            return
        self.epmd.start()
        self.epmd.await_ready(5)
        super().start(**env)

    def probe(self) -> str | None:
        """It greets whoever speaks AMQP 0-9-1 once its definitions are loaded."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return None if connection.recv(1) == b"\x01" else "it does not greet"
        except OSError as error:
            return str(error)

    def stop(self) -> int | None:
        status = super().stop()
        self.epmd.stop()
        return status

    def purge(self) -> None:
        super().purge()
        shutil.rmtree(self.epmd.home, ignore_errors=True)

    def control(self, *arguments: str) -> str:
        """rabbitmqctl, which takes more than a second: it is an Erlang node itself."""
        done = subprocess.run(
            [PROGRAMS / "rabbitmqctl", "--quiet", *arguments], cwd=self.home, capture_output=True, text=True, timeout=60,
            env=self.environment() | {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"})
        if done.returncode != 0:
            raise ClusterError(f"rabbitmqctl {arguments[0]}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def add(self, tenants: dict[str, str]) -> None:
        """Virtual hosts and users for a node that may be running."""
        self.tenants |= tenants
        if self.is_running:
            self.write_definitions()
            self.control("import_definitions", str(self.definitions))

    def url(self, name: str) -> str:
        """Without its password, which is in a file."""
        return f"amqp://{name}@127.0.0.1:{self.port}/{name}"
