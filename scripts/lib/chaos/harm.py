"""What a harm is, and the list of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .stage import Stage

@dataclass(frozen=True)
class Limits:
    """How long something may be held at most, in seconds."""

    longest: float = 30.0

    def span(self, rng: random.Random, *choices: float) -> float:
        """One of the choices, cut to what is allowed."""
        return min(rng.choice(choices), self.longest)


@dataclass(frozen=True)
class Harm:
    """`draw` decides from the seed alone what exactly is to be done, `inflict` does it and returns when it is over."""

    name: str
    about: str
    draw: Callable[[random.Random, Limits], dict]
    inflict: Callable[["Stage", dict], str | None]
    # Why it can't be done on this stage; nil where it can.
    missing: Callable[["Stage"], str | None]
    # How often it is in the deck.
    weight: int


HARMS: dict[str, Harm] = {}


def harm(name: str, about: str, draw, missing=lambda stage: None, weight: int = 1):
    """Registers the function below it as what inflicts this harm."""
    def register(inflict):
        HARMS[name] = Harm(name, about, draw, inflict, missing, weight)
        return inflict
    return register
