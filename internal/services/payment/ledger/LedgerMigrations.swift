import SoukDatabase
import SoukText

/// The ledger's schema. What makes a double-entry ledger one is enforced here, below every line of Swift.
///
/// - A transaction is inserted unposted, gets its entries, and is posted; posting refuses fewer than two entries or
///   a currency that doesn't sum to zero, and adds to the balances.
/// - A transaction that isn't posted by the end of its database transaction can't be committed: `unposted_id` points
///   at a row that can't exist, by a foreign key that is checked at commit.
/// - What is posted never changes: corrections are new transactions.
///
/// Amounts are signed: debits positive, credits negative.
enum LedgerMigrations {
    /// Each string is one statement.
    static let sqlite: [String] = tables + transactionTriggers + entryTriggers
    /// The same tables and the same refusals.
    static let postgres: [String] = tables.map(Migration.postgres) + functions + postgresTriggers

    private static let tables = [
        """
        CREATE TABLE ledger_accounts (
            name TEXT NOT NULL PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('asset', 'liability', 'revenue'))
        ) STRICT
        """,
        """
        CREATE TABLE ledger_never (id TEXT NOT NULL PRIMARY KEY CHECK (id IS NULL)) STRICT
        """,
        """
        CREATE TABLE ledger_transactions (
            id TEXT NOT NULL PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('capture', 'refund')),
            reference TEXT NOT NULL,
            payment_id TEXT,
            order_id TEXT,
            occurred_at INTEGER NOT NULL,
            posted INTEGER NOT NULL DEFAULT 0 CHECK (posted IN (0, 1)),
            unposted_id TEXT GENERATED ALWAYS AS (CASE posted WHEN 0 THEN id END) STORED
                REFERENCES ledger_never (id) DEFERRABLE INITIALLY DEFERRED,
            UNIQUE (kind, reference)
        ) STRICT
        """,
        """
        CREATE TABLE ledger_entries (
            transaction_id TEXT NOT NULL REFERENCES ledger_transactions (id),
            position INTEGER NOT NULL,
            account TEXT NOT NULL REFERENCES ledger_accounts (name),
            currency TEXT NOT NULL,
            amount INTEGER NOT NULL CHECK (amount <> 0),
            PRIMARY KEY (transaction_id, position)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX ledger_entries_account ON ledger_entries (account, transaction_id)",
        "CREATE INDEX ledger_transactions_reference ON ledger_transactions (reference)",
        """
        CREATE TABLE ledger_balances (
            account TEXT NOT NULL REFERENCES ledger_accounts (name),
            currency TEXT NOT NULL,
            balance INTEGER NOT NULL,
            PRIMARY KEY (account, currency)
        ) STRICT, WITHOUT ROWID
        """,
    ]

    private static let transactionTriggers = [
        // A duplicate is refused before REPLACE could remove the row that stands: deletes that REPLACE makes fire
        // no trigger.
        """
        CREATE TRIGGER ledger_transactions_insert BEFORE INSERT ON ledger_transactions BEGIN
            SELECT RAISE(ABORT, 'ledger: a transaction starts unposted') WHERE NEW.posted <> 0;
            SELECT RAISE(ABORT, 'ledger: this transaction exists') WHERE EXISTS (
                SELECT 1 FROM ledger_transactions
                WHERE id = NEW.id OR (kind = NEW.kind AND reference = NEW.reference));
        END
        """,
        """
        CREATE TRIGGER ledger_transactions_update BEFORE UPDATE ON ledger_transactions BEGIN
            SELECT RAISE(ABORT, 'ledger: a posted transaction never changes') WHERE OLD.posted = 1;
            SELECT RAISE(ABORT, 'ledger: a transaction can only be posted')
            WHERE NEW.id <> OLD.id OR NEW.kind <> OLD.kind OR NEW.reference <> OLD.reference
                OR NEW.payment_id IS NOT OLD.payment_id OR NEW.order_id IS NOT OLD.order_id
                OR NEW.occurred_at <> OLD.occurred_at OR NEW.posted <> 1;
            SELECT RAISE(ABORT, 'ledger: a transaction has at least two entries')
            WHERE (SELECT count(*) FROM ledger_entries WHERE transaction_id = NEW.id) < 2;
            SELECT RAISE(ABORT, 'ledger: a transaction sums to zero in every currency')
            WHERE EXISTS (
                SELECT 1 FROM ledger_entries WHERE transaction_id = NEW.id
                GROUP BY currency HAVING sum(amount) <> 0);
        END
        """,
        """
        CREATE TRIGGER ledger_transactions_post AFTER UPDATE OF posted ON ledger_transactions
        WHEN NEW.posted = 1 BEGIN
            INSERT INTO ledger_balances (account, currency, balance)
            SELECT account, currency, sum(amount) FROM ledger_entries
            WHERE transaction_id = NEW.id GROUP BY account, currency
            ON CONFLICT (account, currency) DO UPDATE SET balance = balance + excluded.balance;
        END
        """,
        """
        CREATE TRIGGER ledger_transactions_delete BEFORE DELETE ON ledger_transactions BEGIN
            SELECT RAISE(ABORT, 'ledger: transactions are never deleted');
        END
        """,
    ]

    private static let entryTriggers = [
        """
        CREATE TRIGGER ledger_entries_insert BEFORE INSERT ON ledger_entries
        WHEN (SELECT posted FROM ledger_transactions WHERE id = NEW.transaction_id) IS NOT 0 BEGIN
            SELECT RAISE(ABORT, 'ledger: entries go into an unposted transaction');
        END
        """,
        """
        CREATE TRIGGER ledger_entries_update BEFORE UPDATE ON ledger_entries BEGIN
            SELECT RAISE(ABORT, 'ledger: entries never change');
        END
        """,
        """
        CREATE TRIGGER ledger_entries_delete BEFORE DELETE ON ledger_entries BEGIN
            SELECT RAISE(ABORT, 'ledger: entries are never deleted');
        END
        """,
        """
        CREATE TRIGGER ledger_accounts_update BEFORE UPDATE ON ledger_accounts BEGIN
            SELECT RAISE(ABORT, 'ledger: accounts never change');
        END
        """,
    ]

    // MARK: - PostgreSQL

    private static let functions = [
        """
        CREATE FUNCTION ledger_transactions_insert() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.posted <> 0 THEN RAISE EXCEPTION 'ledger: a transaction starts unposted'; END IF;
            IF EXISTS (SELECT 1 FROM ledger_transactions
                WHERE id = NEW.id OR (kind = NEW.kind AND reference = NEW.reference)) THEN
                RAISE EXCEPTION 'ledger: this transaction exists';
            END IF;
            RETURN NEW;
        END
        $$
        """,
        """
        CREATE FUNCTION ledger_transactions_update() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.posted = 1 THEN RAISE EXCEPTION 'ledger: a posted transaction never changes'; END IF;
            IF NEW.id <> OLD.id OR NEW.kind <> OLD.kind OR NEW.reference <> OLD.reference
                OR NEW.payment_id IS DISTINCT FROM OLD.payment_id OR NEW.order_id IS DISTINCT FROM OLD.order_id
                OR NEW.occurred_at <> OLD.occurred_at OR NEW.posted <> 1 THEN
                RAISE EXCEPTION 'ledger: a transaction can only be posted';
            END IF;
            IF (SELECT count(*) FROM ledger_entries WHERE transaction_id = NEW.id) < 2 THEN
                RAISE EXCEPTION 'ledger: a transaction has at least two entries';
            END IF;
            IF EXISTS (SELECT 1 FROM ledger_entries WHERE transaction_id = NEW.id
                GROUP BY currency HAVING sum(amount) <> 0) THEN
                RAISE EXCEPTION 'ledger: a transaction sums to zero in every currency';
            END IF;
            RETURN NEW;
        END
        $$
        """,
        // Balances in a fixed order: two transactions over the same accounts wait for each other, not in a circle.
        """
        CREATE FUNCTION ledger_transactions_post() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO ledger_balances (account, currency, balance)
            SELECT account, currency, sum(amount) FROM ledger_entries
            WHERE transaction_id = NEW.id GROUP BY account, currency ORDER BY account, currency
            ON CONFLICT (account, currency) DO UPDATE SET balance = ledger_balances.balance + excluded.balance;
            RETURN NULL;
        END
        $$
        """,
        """
        CREATE FUNCTION ledger_entries_insert() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (SELECT posted FROM ledger_transactions WHERE id = NEW.transaction_id) IS DISTINCT FROM 0 THEN
                RAISE EXCEPTION 'ledger: entries go into an unposted transaction';
            END IF;
            RETURN NEW;
        END
        $$
        """,
    ]

    private static let postgresTriggers =
        [
            """
            CREATE TRIGGER ledger_transactions_insert BEFORE INSERT ON ledger_transactions
            FOR EACH ROW EXECUTE FUNCTION ledger_transactions_insert()
            """,
            """
            CREATE TRIGGER ledger_transactions_update BEFORE UPDATE ON ledger_transactions
            FOR EACH ROW EXECUTE FUNCTION ledger_transactions_update()
            """,
            """
            CREATE TRIGGER ledger_transactions_post AFTER UPDATE OF posted ON ledger_transactions
            FOR EACH ROW WHEN (NEW.posted = 1) EXECUTE FUNCTION ledger_transactions_post()
            """,
            """
            CREATE TRIGGER ledger_entries_insert BEFORE INSERT ON ledger_entries
            FOR EACH ROW EXECUTE FUNCTION ledger_entries_insert()
            """,
            refusal(of: "DELETE", on: "ledger_transactions", "ledger: transactions are never deleted"),
            refusal(of: "UPDATE", on: "ledger_entries", "ledger: entries never change"),
            refusal(of: "DELETE", on: "ledger_entries", "ledger: entries are never deleted"),
            refusal(of: "UPDATE", on: "ledger_accounts", "ledger: accounts never change"),
        ]
        + ["ledger_accounts", "ledger_transactions", "ledger_entries", "ledger_balances"].map {
            refusal(of: "TRUNCATE", on: $0, "ledger: the books are never emptied")
        }

    private static func refusal(of change: String, on table: String, _ reason: String) -> String {
        """
        CREATE TRIGGER \(table)_\(change.lowercasedASCII()) BEFORE \(change) ON \(table)
        FOR EACH \(change == "TRUNCATE" ? "STATEMENT" : "ROW") EXECUTE FUNCTION payment_refuse('\(reason)')
        """
    }
}
