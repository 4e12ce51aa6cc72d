"""A small disk in memory on which everything of a cluster lies, and a ballast that fills it."""

from __future__ import annotations

import os
import pathlib
import subprocess

from cluster.process import ClusterError


class Disk:
    """A tmpfs at `folder`; it needs root."""

    def __init__(self, folder: pathlib.Path, megabytes: int):
        self.folder, self.megabytes = folder, megabytes
        self.ballast = folder / "ballast"
        self.is_mounted = False

    @staticmethod
    def missing() -> str | None:
        """Why there can be none; nil where there can."""
        return None if os.geteuid() == 0 else "a file system in memory needs root"

    def mount(self) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self.megabytes}m,mode=0711", "tmpfs", self.folder],
            capture_output=True, text=True)
        if done.returncode != 0:
            raise ClusterError(f"mount tmpfs: {done.stderr.strip()}")
        self.is_mounted = True

    def fill(self) -> int:
        """Leaves no byte free; gives how many the ballast took."""
        taken = 0
        with self.ballast.open("wb") as file:
            size = 1 << 26
            while size >= 4096:
                try:
                    os.posix_fallocate(file.fileno(), taken, size)
                    taken += size
                except OSError:
                    size //= 2
        return taken

    def empty(self) -> None:
        self.ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        if self.is_mounted:
            subprocess.run(["umount", "-l", self.folder], capture_output=True)
            self.is_mounted = False
