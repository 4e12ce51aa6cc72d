import SoukDatabase

/// The sandbox's schema: its own books, in its own database.
enum SandboxMigrations {
    static let all: [Migration] = [Migration(1, "charges", portable: tables)]

    private static let tables = [
        """
        CREATE TABLE charges (
            reference TEXT NOT NULL PRIMARY KEY,
            payment_id TEXT NOT NULL UNIQUE,
            order_id TEXT NOT NULL,
            token TEXT NOT NULL UNIQUE,
            form_nonce TEXT NOT NULL,
            amount INTEGER NOT NULL CHECK (amount > 0),
            currency TEXT NOT NULL,
            capture_mode TEXT NOT NULL CHECK (capture_mode IN ('automatic', 'manual')),
            status TEXT NOT NULL
                CHECK (status IN ('pending', 'authorized', 'captured', 'failed', 'expired', 'cancelled')),
            failure_reason TEXT,
            captured INTEGER NOT NULL DEFAULT 0,
            refunded INTEGER NOT NULL DEFAULT 0,
            return_url TEXT,
            expires_at INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            CHECK (0 <= refunded AND refunded <= captured AND captured <= amount),
            CHECK ((status = 'captured') = (captured > 0))
        ) STRICT
        """,
        "CREATE INDEX charges_expiry ON charges (expires_at) WHERE status = 'pending'",
        """
        CREATE TABLE charge_refunds (
            refund_id TEXT NOT NULL PRIMARY KEY,
            reference TEXT NOT NULL REFERENCES charges (reference),
            amount INTEGER NOT NULL CHECK (amount > 0),
            created_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE webhooks (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            event_id TEXT NOT NULL UNIQUE,
            reference TEXT NOT NULL REFERENCES charges (reference),
            body TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            next_attempt_at INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            delivered_at INTEGER,
            abandoned_at INTEGER,
            last_error TEXT
        ) STRICT
        """,
        """
        CREATE INDEX webhooks_open ON webhooks (reference, sequence)
        WHERE delivered_at IS NULL AND abandoned_at IS NULL
        """,
        """
        CREATE INDEX webhooks_due ON webhooks (next_attempt_at)
        WHERE delivered_at IS NULL AND abandoned_at IS NULL
        """,
        "CREATE INDEX webhooks_delivered ON webhooks (delivered_at) WHERE delivered_at IS NOT NULL",
    ]
}
