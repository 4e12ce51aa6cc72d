import SoukDatabase
import SoukText

/// The payment service's schema.
enum PaymentMigrations {
    static let all: [Migration] = [
        Migration(1, "payments", sqlite: payments + webhooks, postgres: postgres),
        Migration(2, "ledger", sqlite: LedgerMigrations.sqlite, postgres: LedgerMigrations.postgres),
        Migration(
            3, "age of webhooks",
            portable: ["CREATE INDEX webhook_events_by_age ON webhook_events (received_at)"]),
    ]

    private static let postgres =
        (payments + webhooks).filter { !$0.hasPrefix(bytes: "CREATE TRIGGER") }.map(Migration.postgres) + [
            """
            CREATE FUNCTION payment_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION '%', TG_ARGV[0];
            END
            $$
            """,
            """
            CREATE TRIGGER payment_intents_captured_is_final BEFORE UPDATE ON payment_intents
            FOR EACH ROW WHEN (OLD.state = 'captured' AND (NEW.state <> OLD.state OR NEW.captured <> OLD.captured
                OR NEW.amount <> OLD.amount OR NEW.currency <> OLD.currency))
            EXECUTE FUNCTION payment_refuse('payment: captured is final')
            """,
        ]

    private static let payments = [
        """
        CREATE TABLE payment_intents (
            id TEXT NOT NULL PRIMARY KEY,
            order_id TEXT NOT NULL UNIQUE,
            customer_id TEXT NOT NULL,
            amount INTEGER NOT NULL CHECK (amount > 0),
            currency TEXT NOT NULL,
            captured INTEGER NOT NULL DEFAULT 0,
            refunded INTEGER NOT NULL DEFAULT 0,
            refund_reserved INTEGER NOT NULL DEFAULT 0,
            state TEXT NOT NULL CHECK (state IN ('pending', 'authorized', 'captured', 'failed', 'cancelled')),
            failure_reason TEXT,
            provider TEXT NOT NULL,
            reference TEXT,
            pay_url TEXT,
            refunds_on_capture INTEGER NOT NULL DEFAULT 0 CHECK (refunds_on_capture IN (0, 1)),
            checks INTEGER NOT NULL DEFAULT 0,
            next_check_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            captured_at INTEGER,
            version INTEGER NOT NULL DEFAULT 1,
            CONSTRAINT refunded_within_captured
                CHECK (0 <= refunded AND refunded <= refund_reserved AND refund_reserved <= captured
                    AND captured <= amount),
            CONSTRAINT captured_has_money
                CHECK ((state = 'captured') = (captured > 0) AND (state = 'captured') = (captured_at IS NOT NULL))
        ) STRICT
        """,
        """
        CREATE UNIQUE INDEX payment_intents_reference ON payment_intents (provider, reference)
        WHERE reference IS NOT NULL
        """,
        """
        CREATE INDEX payment_intents_due ON payment_intents (next_check_at)
        WHERE state IN ('pending', 'authorized')
        """,
        "CREATE INDEX payment_intents_state ON payment_intents (state, id)",
        """
        CREATE INDEX payment_intents_captured ON payment_intents (captured_at, id) WHERE captured_at IS NOT NULL
        """,
        // A captured intent stays captured, whatever a bug elsewhere may try.
        """
        CREATE TRIGGER payment_intents_captured_is_final BEFORE UPDATE OF state, captured, amount, currency
        ON payment_intents WHEN OLD.state = 'captured' BEGIN
            SELECT RAISE(ABORT, 'payment: captured is final')
            WHERE NEW.state <> OLD.state OR NEW.captured <> OLD.captured OR NEW.amount <> OLD.amount
                OR NEW.currency <> OLD.currency;
        END
        """,
        """
        CREATE TABLE payment_shares (
            payment_id TEXT NOT NULL REFERENCES payment_intents (id),
            vendor_id TEXT NOT NULL,
            gross INTEGER NOT NULL CHECK (gross >= 0),
            commission INTEGER NOT NULL DEFAULT 0,
            basis_points INTEGER CHECK (basis_points BETWEEN 0 AND 10000),
            refunded INTEGER NOT NULL DEFAULT 0,
            refund_reserved INTEGER NOT NULL DEFAULT 0,
            commission_reversed INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (payment_id, vendor_id),
            CONSTRAINT share_refunded_within_gross
                CHECK (0 <= refunded AND refunded <= refund_reserved AND refund_reserved <= gross),
            CONSTRAINT commission_within_gross
                CHECK (0 <= commission_reversed AND commission_reversed <= commission AND commission <= gross)
        ) STRICT, WITHOUT ROWID
        """,
        // Orders that were cancelled before they had an intent, and must never get one.
        """
        CREATE TABLE payment_tombstones (
            order_id TEXT NOT NULL PRIMARY KEY,
            created_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE refunds (
            id TEXT NOT NULL PRIMARY KEY,
            payment_id TEXT NOT NULL REFERENCES payment_intents (id),
            order_id TEXT NOT NULL,
            key TEXT NOT NULL UNIQUE,
            amount INTEGER NOT NULL CHECK (amount > 0),
            currency TEXT NOT NULL,
            reason TEXT NOT NULL,
            return_id TEXT,
            state TEXT NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
            failure TEXT,
            attempts INTEGER NOT NULL DEFAULT 0,
            next_attempt_at INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            completed_at INTEGER,
            CHECK ((state = 'pending') = (completed_at IS NULL))
        ) STRICT
        """,
        "CREATE INDEX refunds_payment ON refunds (payment_id)",
        "CREATE INDEX refunds_due ON refunds (next_attempt_at) WHERE state = 'pending'",
        """
        CREATE TABLE refund_parts (
            refund_id TEXT NOT NULL REFERENCES refunds (id),
            vendor_id TEXT NOT NULL,
            amount INTEGER NOT NULL CHECK (amount > 0),
            commission_reversed INTEGER NOT NULL DEFAULT 0
                CHECK (commission_reversed BETWEEN 0 AND amount),
            PRIMARY KEY (refund_id, vendor_id)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE commission_rates (
            vendor_id TEXT NOT NULL PRIMARY KEY,
            basis_points INTEGER NOT NULL CHECK (basis_points BETWEEN 0 AND 10000),
            updated_by TEXT NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ]

    private static let webhooks = [
        """
        CREATE TABLE webhook_events (
            provider TEXT NOT NULL,
            event_id TEXT NOT NULL,
            type TEXT NOT NULL,
            reference TEXT NOT NULL,
            amount INTEGER NOT NULL,
            currency TEXT NOT NULL,
            outcome TEXT NOT NULL CHECK (outcome IN ('applied', 'ignored', 'orphan', 'mismatch')),
            occurred_at INTEGER NOT NULL,
            received_at INTEGER NOT NULL,
            checks INTEGER NOT NULL DEFAULT 0,
            next_check_at INTEGER,
            PRIMARY KEY (provider, event_id)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX webhook_events_orphans ON webhook_events (next_check_at) WHERE outcome = 'orphan'",
    ]
}
