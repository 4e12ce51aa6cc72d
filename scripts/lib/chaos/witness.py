"""Writes down every event that is ever put into an outbox, so that it can be asked afterwards what became of it.

A trigger beside the outbox, in a table of its own: the relay deletes what it has published.
"""

from __future__ import annotations

from cluster.cluster import Cluster

PUBLISHERS = ("order", "payment", "vendor")

INSTALL = """
CREATE TABLE IF NOT EXISTS chaos_events (
    sequence BIGSERIAL PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL,
    source TEXT NOT NULL, time BIGINT NOT NULL, data BYTEA NOT NULL);
CREATE OR REPLACE FUNCTION chaos_witness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO chaos_events (event_id, topic, key, type, source, time, data)
    VALUES (NEW.event_id, NEW.topic, NEW.key, NEW.type, NEW.source, NEW.time, NEW.data) ON CONFLICT (event_id) DO NOTHING;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER chaos_witness AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION chaos_witness();
"""
REMOVE = "DROP TRIGGER IF EXISTS chaos_witness ON outbox; DROP FUNCTION IF EXISTS chaos_witness(); DROP TABLE IF EXISTS chaos_events;"
# Events that were published before go out again, with the same ids.
AGAIN = """
INSERT INTO outbox (event_id, topic, key, type, source, time, data)
SELECT event_id, topic, key, type, source, time, data FROM chaos_events
WHERE event_id NOT LIKE 'poison%' ORDER BY sequence DESC LIMIT {count} ON CONFLICT (event_id) DO NOTHING RETURNING event_id;
"""
# An event of a type that is handled, with data that nobody can read.
POISON = """
INSERT INTO outbox (event_id, topic, key, type, source, time, data)
VALUES ('{id}', '{topic}', '{id}', '{type}', '/souk/{service}', (extract(epoch FROM now()) * 1000000)::bigint, '{{"broken":'::bytea);
"""


def install(cluster: Cluster) -> None:
    for name in PUBLISHERS:
        cluster.postgres.psql(cluster.database(name), INSTALL)


def remove(cluster: Cluster) -> None:
    for name in PUBLISHERS:
        cluster.postgres.psql(cluster.database(name), REMOVE)


def publish_again(cluster: Cluster, service: str, count: int) -> int:
    """Publishes the service's last events once more; gives how many."""
    return len(cluster.postgres.psql(cluster.database(service), AGAIN.format(count=count)).stdout.split())


def poison(cluster: Cluster, service: str, type_of_event: str, topic: str, event_id: str) -> None:
    cluster.postgres.psql(
        cluster.database(service), POISON.format(id=event_id, topic=topic, type=type_of_event, service=service))
