"""Harm to processes of our own: killed, killed at a named point, stopped, starved, with a wrong clock."""

from __future__ import annotations

import time

from cluster.description import names

from . import clock
from .harm import harm
from .signals import pause, slice_up

# Named point → services that come there often.
CRASH_POINTS = {
    "outbox.before_commit": ["order", "payment", "vendor"], "outbox.after_commit": ["order", "payment", "vendor"],
    "relay.after_publish": ["order", "payment", "vendor"], "consumer.before_commit": ["vendor", "order", "notification"],
    "consumer.after_handler": ["vendor", "order", "notification"], "order.saga_before_settle": ["order"],
    "order.saga_after_settle": ["order"]}
CONSUMERS = ["notification", "vendor", "order", "payment"]


@harm("kill", "kill -9 of a service; the supervisor starts it again", weight=4,
      draw=lambda rng, limits: {"service": rng.choice(names())})
def kill(stage, drawn):
    stage.supervisor.kill(drawn["service"])


def draw_crash(rng, limits) -> dict:
    point = rng.choice(list(CRASH_POINTS))
    # If it isn't reached by then, the service is left alone.
    return {"point": point, "service": rng.choice(CRASH_POINTS[point]), "turn": rng.randint(1, 12), "seconds": limits.span(rng, 20)}


@harm("crash", "a service dies at a named point between effect, commit, publication and acknowledgement", weight=4, draw=draw_crash)
def crash(stage, drawn):
    supervisor, name = stage.supervisor, drawn["service"]
    part = stage.cluster.parts[name]
    supervisor.tell(name, SOUK_CRASH_POINT=f"{drawn['point']}:{drawn['turn']}")
    supervisor.may_die.add(name)
    try:
        supervisor.kill(name)
        supervisor.await_healthy(30)
        # Where it dies again and again, it is armed no longer by the time it is started once more.
        supervisor.tell(name)
        armed, until = part.process.pid, time.monotonic() + drawn["seconds"]
        while part.process.pid == armed and time.monotonic() < until:
            time.sleep(0.05)
        reached = part.process.pid != armed
        if not reached:
            supervisor.kill(name)
        supervisor.await_healthy(30)
        return "died there" if reached else "never came there"
    finally:
        supervisor.may_die.discard(name)


@harm("stop", "a service is stopped (SIGSTOP) and goes on later", weight=2,
      draw=lambda rng, limits: {"service": rng.choice(names()), "seconds": limits.span(rng, 1, 3, 8, 30)})
def stop(stage, drawn):
    with_part(stage, drawn["service"], lambda part: pause(part, drawn["seconds"]))


@harm("slow-consumer", "a service gets a tenth of a processor, or its inbox is locked", weight=2,
      draw=lambda rng, limits: {
          "service": rng.choice(CONSUMERS), "how": rng.choice(["slices", "lock"]), "seconds": limits.span(rng, 5, 10)})
def slow_consumer(stage, drawn):
    name, seconds = drawn["service"], drawn["seconds"]
    if drawn["how"] == "slices":
        with_part(stage, name, lambda part: slice_up(part, seconds))
    else:
        stage.cluster.postgres.psql(
            stage.cluster.database(name), f"BEGIN; LOCK TABLE inbox IN EXCLUSIVE MODE; SELECT pg_sleep({seconds}); COMMIT;")


@harm("clock", "a service's clock is ten minutes ahead of the others', or behind", weight=2,
      missing=lambda stage: None if clock.library() else "faketime isn't installed (Debian: faketime)",
      draw=lambda rng, limits: {
          "service": rng.choice(names()), "shift": rng.choice([-600, 600]), "seconds": limits.span(rng, 8, 15)})
def wrong_clock(stage, drawn):
    supervisor, name = stage.supervisor, drawn["service"]
    supervisor.tell(name, **clock.shifted(drawn["shift"]))
    supervisor.kill(name)
    supervisor.await_healthy(30)
    time.sleep(drawn["seconds"])
    supervisor.tell(name)
    supervisor.kill(name)


def with_part(stage, name: str, work) -> None:
    """Does it to a part that nobody restarts meanwhile."""
    stage.supervisor.hold(name)
    try:
        work(stage.cluster.parts[name])
    finally:
        stage.supervisor.let_go(name)
