"""The plan of a run: which harm is done after which checkout, from the seed alone."""

from __future__ import annotations

import random
from dataclasses import dataclass

from . import harms_processes, harms_servers, harms_network
from .harm import HARMS, Harm, Limits

# Importing them has filled the list; in the order in which they are explained.
MODULES = (harms_processes, harms_servers, harms_network)


@dataclass(frozen=True)
class Fault:
    number: int
    # It is done once so many checkouts are through.
    after: int
    harm: Harm
    drawn: dict

    def __str__(self) -> str:
        details = " ".join(f"{name}={value}" for name, value in self.drawn.items())
        return f"fault {self.number:3} after {self.after:5} checkouts: {self.harm.name} {details}".rstrip()


def make_plan(seed: int, harms: list[str], faults: int, checkouts: int, limits: Limits) -> list[Fault]:
    """Deals a deck in which every harm is, some more than once, and again until there are enough."""
    rng = random.Random(f"plan {seed}")
    deck: list[str] = []
    plan = []
    for number in range(1, faults + 1):
        if not deck:
            deck = [name for name in harms for _ in range(HARMS[name].weight)]
            rng.shuffle(deck)
        chosen = HARMS[deck.pop()]
        plan.append(Fault(number, number * checkouts // (faults + 1), chosen, chosen.draw(rng, limits)))
    return plan
