"""Small disks in memory on which the parts of a cluster lie, and ballast that fills them."""

from __future__ import annotations

import os
import pathlib
import subprocess

from cluster.process import ClusterError


class Disk:
    """A tmpfs at `folder`; it needs root. `spare` megabytes of it stay free when it is filled."""

    def __init__(self, folder: pathlib.Path, megabytes: int, spare: int = 0):
        self.folder, self.megabytes, self.spare = folder, megabytes, spare
        self.ballast = folder / "ballast"
        self.is_mounted = False

    @staticmethod
    def missing() -> str | None:
        """Why there can be none; nil where there can."""
        return None if os.geteuid() == 0 else "a file system in memory needs root"

    def mount(self) -> None:
        self.folder.mkdir(mode=0o711, exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self.megabytes}m,mode=0711", "tmpfs", self.folder],
            capture_output=True, text=True)
        if done.returncode != 0:
            raise ClusterError(f"mount tmpfs: {done.stderr.strip()}")
        self.is_mounted = True

    def fill(self) -> int:
        """Leaves nothing free but what is spared; gives how many bytes the ballast took."""
        taken = 0
        with self.ballast.open("wb") as file:
            if self.spare:
                free = os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize
                taken = max(0, free - (self.spare << 20))
                if taken:
                    os.posix_fallocate(file.fileno(), 0, taken)
                return taken
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
