"""The services of the marketplace, as `souk describe` tells them: no script has a list of its own."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import subprocess
from dataclasses import dataclass

from .process import ClusterError

ROOT = pathlib.Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class ServiceDescription:
    """What others know of a service."""

    name: str
    executable: str
    http_port: int
    # None for a service that serves no gRPC.
    grpc_port: int | None
    # Its own first, then those of what its process hosts.
    databases: tuple[str, ...]
    # The services that it calls over gRPC.
    peers: tuple[str, ...]
    # What its consumer group reads.
    topics: tuple[str, ...]
    # Whether clients connect to it.
    is_entrance: bool


@functools.cache
def services() -> dict[str, ServiceDescription]:
    """Every service by its name, the entrance first; asks the `souk` of SOUK_BINARY, or the one built last."""
    program = souk()
    try:
        done = subprocess.run([program, "describe", "--json"], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise ValueError((done.stderr or done.stdout).strip())
        return {service["name"]: described(service) for service in json.loads(done.stdout)["services"]}
    except LookupError as error:
        raise ClusterError(f"{program} describe --json: there is no {error}") from error
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
        raise ClusterError(f"{program} describe --json: {error}") from error


def described(service: dict) -> ServiceDescription:
    return ServiceDescription(
        name=service["name"], executable=service["executable"], http_port=service["ports"]["http"],
        grpc_port=service["ports"]["grpc"], databases=tuple(service["databases"]), peers=tuple(service["peers"]),
        topics=tuple(service["topics"]), is_entrance=service["is_entrance"])


def names() -> list[str]:
    return list(services())


def behind_the_gateway() -> list[str]:
    """The services that clients reach through another."""
    return [name for name, service in services().items() if not service.is_entrance]


def executables() -> list[str]:
    return [service.executable for service in services().values()]


def souk() -> pathlib.Path:
    """The executable to ask; it is built where there is none."""
    if given := os.environ.get("SOUK_BINARY"):
        return pathlib.Path(given)
    built = [file for name in ("debug", "release") if (file := ROOT / ".build" / name / "souk").is_file()]
    if built:
        return max(built, key=lambda file: file.stat().st_mtime)
    from .toolchain import build_souk
    return build_souk("debug")
