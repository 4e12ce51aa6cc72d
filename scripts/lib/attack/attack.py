"""What an attack is."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

from private_souk import PrivateSouk


@dataclasses.dataclass(frozen=True)
class Attack:
    name: str
    summary: str
    """Attacks the port until the time (of `time.monotonic`), with what `prepare` made, and says what it got done."""
    run: Callable[[int, Any, float], Awaitable[str]]
    """Sets the scene before anything is measured."""
    prepare: Callable[[PrivateSouk], Any] = lambda _souk: None
