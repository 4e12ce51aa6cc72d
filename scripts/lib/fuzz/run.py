"""Runs souk-fuzz, and searches for the one connection that ends a process."""

from __future__ import annotations

import pathlib
import re
import subprocess

from .targets import Targets

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
FAILED = re.compile(r"^failed: (?P<what>.*); seed=\d+ first=(?P<first>\d+) connections=(?P<count>\d+)$", re.M)
# What the runtime says of a trap, and the first frames of its backtrace.
CRASH = re.compile(r"Fatal error|crashed:|^\d+ .* in .* at ")


class Run:
    def __init__(self, programs: pathlib.Path, folder: pathlib.Path, names: list[str], failures: pathlib.Path,
                 concurrency: int):
        self.programs, self.folder, self.names, self.failures = programs, folder, names, failures
        self.concurrency = concurrency

    def attack(self, seed: int, first: int, connections: int, minutes: float) -> bool:
        """True when every process outlived it."""
        for old in self.suspects():
            old.unlink()
        with Targets(self.folder / "run", self.programs, self.names) as targets:
            output = self.fuzz(targets, seed, first, connections, minutes, "--concurrency", str(self.concurrency))
            failed = FAILED.search(output)
            if failed:
                for target in targets:
                    print(f"{target.name}'s log:\n{telling_lines(target.log)}")
        if not failed:
            return True
        print(f"seed {seed}: {failed['what']}")
        self.narrow(seed, int(failed["first"]), int(failed["count"]))
        return False

    def narrow(self, seed: int, first: int, count: int) -> None:
        """Repeats the suspects one after another in fresh processes, and says which of them does it alone."""
        print(f"searching for the connection among {count}", flush=True)
        with Targets(self.folder / "narrow", self.programs, self.names) as targets:
            output = self.fuzz(targets, seed, first, count, 10, "--concurrency", "1", "--batch", "1", quiet=True)
        if failed := FAILED.search(output):
            (file,) = self.failures.glob(f"connection-{failed['first']}-*.bin")
            for other in self.suspects():
                if other != file:
                    other.unlink()
            print(f"this connection does it alone: --seed {seed} --first {failed['first']} --connections 1; its bytes: {file}")
        else:
            print(f"none does it alone; try again: --seed {seed} --first {first} --connections {count}; their bytes: {self.failures}")

    def suspects(self) -> list[pathlib.Path]:
        return list(self.failures.glob("connection-*-*.bin"))

    def fuzz(self, targets, seed: int, first: int, connections: int, minutes: float, *more: str, quiet: bool = False) -> str:
        command = [
            self.programs / "souk-fuzz", "--seed", seed, "--first", first, "--connections", connections, "--minutes", minutes,
            "--corpus", CORPUS, "--failures", self.failures, *more]
        for target in targets:
            command += ["--target", target.argument]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if not quiet:
                print(line, end="", flush=True)
        if process.wait() not in (0, 1) or (process.returncode == 1 and not FAILED.search("".join(lines))):
            raise SystemExit(f"souk-fuzz ended with {process.returncode}")
        return "".join(lines)


def telling_lines(log: pathlib.Path, count: int = 12) -> str:
    """Why a process ended, where its log says so; otherwise how the log ends."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    reasons = [line for line in lines if CRASH.search(line)][:count]
    return "\n".join(f"    {line[:300]}" for line in reasons or lines[-count:])
