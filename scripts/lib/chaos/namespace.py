"""A network namespace for one service, joined to the others by a veth pair whose ends can be cut, one way or both."""

from __future__ import annotations

import os
import shutil
import subprocess

from cluster.process import ClusterError

PACKAGES = ["iproute2"]


class Namespace:
    """`10.213.<number>.2` inside, `10.213.<number>.1` outside. It needs root, and is gone after `delete`."""

    def __init__(self, number: int):
        self.name, self.outer, self.inner = f"souk{os.getpid()}n{number}", f"sk{os.getpid()}o{number}", f"sk{os.getpid()}i{number}"
        self.host, self.address = f"10.213.{number}.1", f"10.213.{number}.2"

    @staticmethod
    def missing() -> str | None:
        """Why there can be none; nil where there can."""
        if os.geteuid() != 0:
            return "network namespaces need root"
        if not shutil.which("ip"):
            return "there is no ip (Debian: iproute2)"
        probe = f"souk{os.getpid()}probe"
        made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
        if made.returncode != 0:
            return f"network namespaces can't be made here: {made.stderr.strip()}"
        subprocess.run(["ip", "netns", "delete", probe], capture_output=True)
        return None

    def create(self) -> None:
        self.ip("netns", "add", self.name)
        self.ip("link", "add", self.outer, "type", "veth", "peer", "name", self.inner, "netns", self.name)
        self.ip("addr", "add", f"{self.host}/30", "dev", self.outer)
        self.ip("link", "set", self.outer, "up")
        self.inside("addr", "add", f"{self.address}/30", "dev", self.inner)
        self.inside("link", "set", self.inner, "up")
        self.inside("link", "set", "lo", "up")

    def delete(self) -> None:
        """Whoever still runs in it keeps it alive; stop them before."""
        self.heal()
        for words in (["link", "delete", self.outer], ["netns", "delete", self.name]):
            subprocess.run(["ip", *words], capture_output=True)

    def command(self, words: list) -> list:
        """The same command, inside; the process stays the one that is started."""
        return ["ip", "netns", "exec", self.name, *words]

    # -- cuts

    def cut(self, way: str) -> None:
        """Nothing leaves (`out`), nothing arrives (`in`), or neither (`both`)."""
        if way in ("out", "both"):
            self.inside("route", "add", "blackhole", f"{self.host}/32")
        if way in ("in", "both"):
            self.ip("route", "add", "blackhole", f"{self.address}/32")

    def heal(self) -> None:
        for words in (["-n", self.name, "route", "delete", "blackhole", f"{self.host}/32"],
                      ["route", "delete", "blackhole", f"{self.address}/32"]):
            subprocess.run(["ip", *words], capture_output=True)

    def inside(self, *words: str) -> None:
        self.ip("-n", self.name, *words)

    @staticmethod
    def ip(*words: str) -> None:
        done = subprocess.run(["ip", *words], capture_output=True, text=True)
        if done.returncode != 0:
            raise ClusterError(f"ip {' '.join(words)}: {done.stderr.strip()}")
