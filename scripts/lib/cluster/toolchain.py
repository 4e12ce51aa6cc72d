"""What must be there before anything starts: Debian packages and our own executables."""

from __future__ import annotations

import os
import pathlib
import subprocess

from . import description, postgres, rabbitmq, redis
from .process import ClusterError

ROOT = pathlib.Path(__file__).resolve().parents[3]


def shell(function: str, *arguments: str) -> str:
    """Runs a function of scripts/lib/common.sh with these arguments after its own; what it says goes to the terminal, what it prints is given."""
    done = subprocess.run(
        ["bash", "-c", f'source "$0" && {function} "$@"', str(ROOT / "scripts/lib/common.sh"), *arguments],
        stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise ClusterError(f"{function.split(maxsplit=1)[0]} {' '.join(arguments)}: see above")
    return done.stdout


def install(broker: str) -> None:
    """Installs what is missing, by name, for these servers and for building."""
    brokers = rabbitmq.PACKAGES if broker == "rabbitmq" else []
    shell('install_packages "${BUILD_PACKAGES[@]}" openssl', *postgres.PACKAGES, *redis.PACKAGES, *brokers)


def build_souk(configuration: str) -> pathlib.Path:
    """Builds the executable that knows the services, with the packages it needs, and has it asked from now on, unless
    SOUK_BINARY names another."""
    if not os.environ.get("SOUK_BINARY"):
        shell('install_packages "${BUILD_PACKAGES[@]}"')
        os.environ["SOUK_BINARY"] = shell("build", configuration, "souk").splitlines()[0]
        # An older one may have been asked before.
        description.services.cache_clear()
    return pathlib.Path(os.environ["SOUK_BINARY"])


def build(configuration: str, broker: str, services: list[str], *more: str) -> pathlib.Path:
    """Builds the executables that this choice needs (of all services when `services` is empty), `souk` and `more`, and
    gives their folder."""
    build_souk(configuration)
    known = description.services()
    products = ["souk"] + [known[name].executable for name in services or known]
    products += (["mock-kafka"] if broker == "kafka" else []) + list(more)
    return pathlib.Path(shell("build", configuration, *products).splitlines()[0]).parent
