"""Clocks that are wrong: a process started with Debian's faketime sees the time of day shifted, and durations as they are."""

from __future__ import annotations

import pathlib

PACKAGES = ["faketime"]


def library() -> pathlib.Path | None:
    """libfaketime for programs with threads; nil where it isn't installed."""
    return next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)


def shifted(seconds: int) -> dict[str, str]:
    """What a process is told whose clock is to be ahead by so much, or behind."""
    return {
        "LD_PRELOAD": str(library()), "FAKETIME": f"{seconds:+d}s",
        # Timers measure durations, which no wrong clock changes. Both spellings, for older versions.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
