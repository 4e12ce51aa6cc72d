"""Ports of loopback for the components of a cluster."""

from __future__ import annotations

import pathlib
import random
import socket

from .process import ClusterError

# From the gateway's port: services serve HTTP at +21…, operations at +100 and +121… and gRPC at +1021…, in the order of
# docs/architecture.md.
HTTP_OFFSET = {"gateway": 0, "auth": 21, "product": 22, "vendor": 23, "order": 24, "payment": 25, "notification": 29}
GRPC_OFFSET = {name: offset + 1000 for name, offset in HTTP_OFFSET.items() if name != "gateway"}
OPS_OFFSET = {name: offset + 100 for name, offset in HTTP_OFFSET.items()}
# Servers lie away from their usual ports, which servers of this machine may have.
SERVER_OFFSET = {"postgres": 2001, "redis": 2002, "rabbitmq": 2003, "rabbitmq.distribution": 2004, "rabbitmq.epmd": 2005}
OFFSETS = (
    HTTP_OFFSET | {f"{name}.grpc": offset for name, offset in GRPC_OFFSET.items()}
    | {f"{name}.ops": offset for name, offset in OPS_OFFSET.items()} | SERVER_OFFSET)
NAMES = list(OFFSETS)


def from_base(base: int) -> dict[str, int]:
    """Every component at its offset from `base`, the gateway's port."""
    if not 1024 <= base <= 63_000:
        raise ClusterError(f"--port-base must be from 1024 to 63000, not {base}")
    return {name: base + offset for name, offset in OFFSETS.items()}


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
    return dict(zip(NAMES, free(len(NAMES)), strict=True))
