"""Ports of loopback for the components of a cluster."""

from __future__ import annotations

import pathlib
import random
import socket

from .description import services
from .process import ClusterError

# From the gateway's port, as are the others. Servers lie away from their usual ports, which servers of this machine may have.
SERVER_OFFSETS = {"postgres": 2001, "redis": 2002, "rabbitmq": 2003, "rabbitmq.distribution": 2004, "rabbitmq.epmd": 2005}
# Of a service's operations from its HTTP port.
OPS_OFFSET = 100


def offsets() -> dict[str, int]:
    """From the gateway's port, as the definitions of the services have it: HTTP by the service's name, `.grpc` and `.ops`."""
    known = services()
    base = base_of_definitions()
    found = {name: service.http_port - base for name, service in known.items()}
    found |= {f"{name}.ops": service.http_port - base + OPS_OFFSET for name, service in known.items()}
    found |= {f"{name}.grpc": service.grpc_port - base for name, service in known.items() if service.grpc_port}
    return found | SERVER_OFFSETS


def base_of_definitions() -> int:
    """The gateway's port, as its definition has it."""
    return next(service.http_port for service in services().values() if service.is_entrance)


def from_base(base: int | None = None) -> dict[str, int]:
    """Every component at its offset from `base`, the gateway's port; where the definitions have them when it is left out."""
    base = base_of_definitions() if base is None else base
    if not 1024 <= base <= 63_000:
        raise ClusterError(f"--port-base must be from 1024 to 63000, not {base}")
    return {name: base + offset for name, offset in offsets().items()}


def free(count: int) -> list[int]:
    """Ports that nobody listens on, outside the range from which the system takes ports for outgoing connections: there
    a port of ours could be gone while its process restarts."""
    try:
        lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        lowest = 32_768
    candidates = list(range(10_000, max(lowest, 12_000)))
    random.SystemRandom().shuffle(candidates)
    found = []
    for port in candidates:
        if is_free(port):
            found.append(port)
            if len(found) == count:
                return found
    raise ClusterError("there are not enough free ports")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def choose_free() -> dict[str, int]:
    names = list(offsets())
    return dict(zip(names, free(len(names)), strict=True))
