"""Harm to the network: partitions, slow and resetting links, meddled webhooks, messages that come again or make no sense."""

from __future__ import annotations

import time

from . import witness
from .harm import harm
from .stage import ISOLATED, LINKED

# What a link leads to that is slowed or reset, beside everything at once.
DESTINATIONS = ["payment.grpc", "vendor.grpc", "product.grpc", "postgres", "redis", "auth"]
# Service that publishes → topic and a type of event that others handle.
POISONS = {"order": ("orders", "order.paid.v1"), "payment": ("payments", "payment.succeeded.v1"),
           "vendor": ("vendor-orders", "vendor_order.changed.v1")}


@harm("partition", f"the {ISOLATED} service is cut off from everybody: nothing leaves, nothing arrives, or neither", weight=2,
      draw=lambda rng, limits: {"way": rng.choice(["out", "in", "both"]), "seconds": limits.span(rng, 2, 5, 12, 30)})
def partition(stage, drawn):
    # Without a namespace the links of ours hold what they are given, which is the half of it that they can see.
    names = [name for name in stage.links.names if ISOLATED in name]
    try:
        if stage.namespace:
            stage.namespace.cut(drawn["way"])
        else:
            stage.links.set(names, "hold", way=drawn["way"])
        time.sleep(drawn["seconds"])
    finally:
        if stage.namespace:
            stage.namespace.heal()
        else:
            stage.links.open(names)
    return "in its network namespace" if stage.namespace else "at the links"


def draw_link(rng, limits) -> dict:
    return {"link": f"{LINKED}→{rng.choice(DESTINATIONS)}", "seconds": limits.span(rng, 4, 8, 15)}


@harm("slow-link", "a link gives every piece a quarter of a second and 20 kB/s", draw=draw_link)
def slow_link(stage, drawn):
    change_link(stage, drawn, "slow", delay=0.25, rate=20_000)


@harm("reset-link", "a link ends one connection or piece in five with a TCP reset", draw=draw_link)
def reset_link(stage, drawn):
    change_link(stage, drawn, "reset", chance=0.2)


@harm("hold-link", "a link lets nothing pass, one way or both", weight=1,
      draw=lambda rng, limits: draw_link(rng, limits) | {"way": rng.choice(["out", "in", "both"])})
def hold_link(stage, drawn):
    change_link(stage, drawn, "hold", way=drawn["way"])


def change_link(stage, drawn: dict, mode: str, **told) -> None:
    try:
        stage.links.set([drawn["link"]], mode, **told)
        time.sleep(drawn["seconds"])
    finally:
        stage.links.open([drawn["link"]])


# -- webhooks


def webhooks(name: str, mode: str, about: str) -> None:
    @harm(name, about, draw=lambda rng, limits: {"seconds": limits.span(rng, 5, 10)})
    def meddle(stage, drawn):
        before = stage.meddler.counts[mode]
        stage.meddler.set(mode)
        try:
            time.sleep(drawn["seconds"])
        finally:
            stage.meddler.set("pass")
        return f"{stage.meddler.counts[mode] - before} webhooks"


webhooks("webhook-duplicate", "duplicate", "every webhook comes three times")
webhooks("webhook-reorder", "reorder", "webhooks are held and delivered in another order")
webhooks("webhook-late", "late", "webhooks come seconds late")
webhooks("webhook-lost", "lost", "webhooks are taken and never delivered")
webhooks("webhook-forged", "forge", "forged webhooks follow true ones: altered, unsigned, signed with another secret")


# -- messages


@harm("duplicate-events", "the last events of a service are published once more, with the same ids",
      draw=lambda rng, limits: {"service": rng.choice(witness.PUBLISHERS), "count": rng.choice([20, 50])})
def duplicate_events(stage, drawn):
    return f"{witness.publish_again(stage.cluster, drawn['service'], drawn['count'])} events again"


@harm("poison", "an event that nobody can read is published",
      draw=lambda rng, limits: {"service": rng.choice(list(POISONS)), "id": f"poison-{rng.getrandbits(40):010x}"})
def poison(stage, drawn):
    topic, kind = POISONS[drawn["service"]]
    witness.poison(stage.cluster, drawn["service"], kind, topic, drawn["id"])
    stage.poisoned.append(drawn["id"])
