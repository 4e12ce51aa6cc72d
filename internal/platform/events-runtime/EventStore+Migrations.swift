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

    private static let postgres = sqlite.map { statement in
        [
            ("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
            (" INTEGER ", " BIGINT "), (" BLOB ", " BYTEA "), (" STRICT, WITHOUT ROWID", ""), (" STRICT", ""),
        ].reduce(statement) { text, change in
            text.split(separator: change.0, omittingEmptySubsequences: false).joined(separator: change.1)
        }
    }
}
