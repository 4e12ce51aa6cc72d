import SoukDatabase

extension EventStore {
    static let migrations = [
        Migration(1, "outbox, inbox and dead letters", sqlite: sqlite, postgres: postgres)
    ]

    private static let sqlite = [
        // AUTOINCREMENT: ids of deleted rows do not come back, so the order of ids is the order of events for
        // ever.
        """
        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            event_id TEXT NOT NULL UNIQUE,
            topic TEXT NOT NULL,
            key TEXT NOT NULL,
            type TEXT NOT NULL,
            source TEXT NOT NULL,
            time INTEGER NOT NULL,
            traceparent TEXT,
            data BLOB NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE inbox (
            consumer TEXT NOT NULL,
            event_id TEXT NOT NULL,
            processed_at INTEGER NOT NULL,
            PRIMARY KEY (consumer, event_id)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX inbox_processed_at ON inbox (processed_at)",
        """
        CREATE TABLE dead_letters (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            consumer TEXT NOT NULL,
            event_id TEXT NOT NULL,
            type TEXT,
            topic TEXT NOT NULL,
            key TEXT NOT NULL,
            headers TEXT NOT NULL,
            payload BLOB NOT NULL,
            error_code TEXT NOT NULL,
            error TEXT NOT NULL,
            attempts INTEGER NOT NULL CHECK (attempts > 0),
            first_failed_at INTEGER NOT NULL,
            last_failed_at INTEGER NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('dead', 'redriving')),
            UNIQUE (consumer, event_id)
        ) STRICT
        """,
        "CREATE INDEX dead_letters_redriving ON dead_letters (sequence) WHERE status = 'redriving'",
    ]

    // MARK: - PostgreSQL

    private static let postgres = outbox + sqlite.dropFirst().map(Migration.postgres) + redrives

    /// Several processes write and several relays publish.
    ///
    /// The trigger puts an event into the lane of its key, and hands out its id while it holds the key's lock, which the
    /// transaction keeps until its end: so of one key, a lower id is committed before a higher one is handed out. That
    /// makes the order of ids the order of commits within a key, whatever else the writers have locked.
    private static let outbox = [
        """
        CREATE TABLE outbox (
            id BIGINT NOT NULL PRIMARY KEY,
            lane SMALLINT NOT NULL,
            event_id TEXT COLLATE "C" NOT NULL UNIQUE,
            topic TEXT COLLATE "C" NOT NULL,
            key TEXT COLLATE "C" NOT NULL,
            type TEXT COLLATE "C" NOT NULL,
            source TEXT COLLATE "C" NOT NULL,
            time BIGINT NOT NULL,
            traceparent TEXT COLLATE "C",
            data BYTEA NOT NULL
        )
        """,
        "CREATE SEQUENCE outbox_id OWNED BY outbox.id",
        "CREATE UNIQUE INDEX outbox_by_lane ON outbox (lane, id)",
        """
        CREATE TABLE outbox_lanes (
            lane SMALLINT NOT NULL PRIMARY KEY,
            owner TEXT COLLATE "C",
            leased_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity'
        )
        """,
        "INSERT INTO outbox_lanes (lane) SELECT generate_series(0, \(laneCount - 1))",
        """
        CREATE FUNCTION outbox_append() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            hash BIGINT := hashtextextended(NEW.topic || '/' || NEW.key, 0);
        BEGIN
            PERFORM pg_advisory_xact_lock(hash);
            NEW.id := nextval('outbox_id');
            NEW.lane := (hash & \(laneCount - 1));
            RETURN NEW;
        END
        $$
        """,
        "CREATE TRIGGER outbox_append BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION outbox_append()",
        """
        CREATE FUNCTION outbox_signal() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('\(outboxChannel)', '');
            RETURN NULL;
        END
        $$
        """,
        """
        CREATE TRIGGER outbox_signal AFTER INSERT ON outbox
        FOR EACH STATEMENT EXECUTE FUNCTION outbox_signal()
        """,
    ]

    private static let redrives = [
        """
        CREATE FUNCTION dead_letters_signal() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('\(redriveChannel)', '');
            RETURN NULL;
        END
        $$
        """,
        """
        CREATE TRIGGER dead_letters_signal AFTER UPDATE OF status ON dead_letters
        FOR EACH ROW WHEN (NEW.status = 'redriving') EXECUTE FUNCTION dead_letters_signal()
        """,
    ]
}
