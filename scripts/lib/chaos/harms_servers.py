"""Harm to what the services stand on: PostgreSQL, Redis, the broker, the disk."""

from __future__ import annotations

import time

from .disk import Disk
from .harm import harm
from .harms_processes import with_part
from .signals import pause


def broker_of(stage):
    return stage.cluster.rabbitmq or stage.cluster.kafka


def draw_away(rng, limits) -> dict:
    return {"seconds": limits.span(rng, 0, 1, 4)}


def kill_server(stage, name: str, seconds: float) -> None:
    """Away for so long; the supervisor starts it again."""
    def away(part):
        if part is stage.cluster.kafka:
            # Killing the stand-in for Kafka would lose its messages, which killing Kafka doesn't.
            part.pause()
            time.sleep(seconds)
            part.resume()
        else:
            part.kill()
            time.sleep(seconds)

    with_part(stage, name, away)


@harm("postgres-kill", "kill -9 of PostgreSQL, which is started again", draw=draw_away)
def kill_postgres(stage, drawn):
    kill_server(stage, "postgres", drawn["seconds"])


@harm("redis-kill", "kill -9 of Redis, which is started again", draw=draw_away)
def kill_redis(stage, drawn):
    kill_server(stage, "redis", drawn["seconds"])


@harm("broker-kill", "kill -9 of the broker, which is started again", draw=draw_away)
def kill_broker(stage, drawn):
    kill_server(stage, broker_of(stage).name, drawn["seconds"])


def draw_pause(rng, limits) -> dict:
    return {"seconds": limits.span(rng, 2, 6, 12, 30)}


@harm("postgres-stop", "PostgreSQL is stopped (SIGSTOP, all its sessions) and goes on later", draw=draw_pause)
def stop_postgres(stage, drawn):
    with_part(stage, "postgres", lambda part: pause(part, drawn["seconds"]))


@harm("redis-stop", "Redis is stopped (SIGSTOP) and goes on later", draw=draw_pause)
def stop_redis(stage, drawn):
    with_part(stage, "redis", lambda part: pause(part, drawn["seconds"]))


@harm("broker-stop", "the broker is stopped (SIGSTOP) and goes on later", draw=draw_pause)
def stop_broker(stage, drawn):
    with_part(stage, broker_of(stage).name, lambda part: pause(part, drawn["seconds"]))


@harm("redis-flush", "Redis forgets everything (FLUSHALL)", draw=lambda rng, limits: {})
def flush_redis(stage, drawn):
    stage.cluster.redis.call("FLUSHALL")


@harm("disk-full", "the disk with databases, mails and logs is full, and RabbitMQ's nearly so; later they have room again",
      missing=lambda stage: None if stage.disks else Disk.missing() or "only a cluster of its own lies on small disks",
      draw=lambda rng, limits: {"seconds": limits.span(rng, 3, 6, 10)})
def fill_disk(stage, drawn):
    # PostgreSQL may give up and is started again once there is room. RabbitMQ takes no messages meanwhile.
    taken = [disk.fill() for disk in stage.disks]
    try:
        time.sleep(drawn["seconds"])
    finally:
        for disk in stage.disks:
            disk.empty()
    return " and ".join(f"{size >> 20} MB" for size in taken) + " of ballast"
