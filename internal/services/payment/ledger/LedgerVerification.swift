import SoukDatabase

/// The outcome of recomputing the books from their entries.
struct LedgerVerification: Sendable, Hashable {
    /// One thing that doesn't add up; amounts are minor units.
    struct Difference: Sendable, Hashable {
        /// Which rule is broken.
        let check: String
        /// What breaks it: a transaction, account, payment or refund.
        let subject: String
        let currency: String
        let expected: Int64
        let actual: Int64
    }

    let transactions: Int
    let entries: Int
    /// At most ``LedgerVerifier/maxDifferences`` per check.
    let differences: [Difference]

    var isBalanced: Bool { differences.isEmpty }
}

/// Recomputes everything that must hold between entries, balances, payments and refunds, in one snapshot.
struct LedgerVerifier: Sendable {
    static let maxDifferences = 100

    let database: any Database

    func verify() async throws -> LedgerVerification {
        try await database.snapshot { reader in
            var differences: [LedgerVerification.Difference] = []
            for check in Self.checks {
                let rows = try await reader.query(
                    "SELECT subject, currency, expected, actual FROM (\(raw: check.query)) findings LIMIT \(Self.maxDifferences)"
                )
                differences += try rows.map { row in
                    LedgerVerification.Difference(
                        check: check.name, subject: try row.get("subject"), currency: try row.get("currency"),
                        expected: try row.get("expected"), actual: try row.get("actual"))
                }
            }
            return LedgerVerification(
                transactions: try await reader.scalar("SELECT count(*) FROM ledger_transactions") ?? 0,
                entries: try await reader.scalar("SELECT count(*) FROM ledger_entries") ?? 0,
                differences: differences)
        }
    }

    /// Each query gives the rows that break its rule.
    private static let checks: [(name: String, query: String)] = [
        (
            "currency_sums_to_zero",
            """
            SELECT 'all' AS subject, currency, 0 AS expected, sum(amount) AS actual
            FROM ledger_entries GROUP BY currency HAVING sum(amount) <> 0
            """
        ),
        (
            "transaction_sums_to_zero",
            """
            SELECT transaction_id AS subject, currency, 0 AS expected, sum(amount) AS actual
            FROM ledger_entries GROUP BY transaction_id, currency HAVING sum(amount) <> 0
            """
        ),
        (
            "transaction_is_posted",
            """
            SELECT id AS subject, '' AS currency, 1 AS expected, posted AS actual
            FROM ledger_transactions WHERE posted <> 1
            """
        ),
        (
            "balance_is_sum_of_entries",
            """
            SELECT account AS subject, currency, sum(entry) AS expected, sum(balance) AS actual FROM (
                SELECT account, currency, amount AS entry, 0 AS balance FROM ledger_entries
                UNION ALL SELECT account, currency, 0, balance FROM ledger_balances) sums
            GROUP BY account, currency HAVING sum(entry) <> sum(balance)
            """
        ),
        (
            "payment_captured_is_posted",
            moneyAgainstPostings(
                source: "SELECT id, currency, captured AS amount FROM payment_intents WHERE captured > 0",
                kind: "capture", sign: "")
        ),
        (
            "refund_succeeded_is_posted",
            moneyAgainstPostings(
                source: "SELECT id, currency, amount FROM refunds WHERE state = 'succeeded'",
                kind: "refund", sign: "-")
        ),
        (
            "payment_refunded_is_sum_of_refunds",
            """
            SELECT i.id AS subject, i.currency, coalesce(sum(r.amount), 0) AS expected, i.refunded AS actual
            FROM payment_intents i LEFT JOIN refunds r ON r.payment_id = i.id AND r.state = 'succeeded'
            GROUP BY i.id, i.currency, i.refunded HAVING coalesce(sum(r.amount), 0) <> i.refunded
            """
        ),
        (
            "payment_reserved_is_sum_of_refunds",
            """
            SELECT i.id AS subject, i.currency, coalesce(sum(r.amount), 0) AS expected, i.refund_reserved AS actual
            FROM payment_intents i LEFT JOIN refunds r ON r.payment_id = i.id AND r.state <> 'failed'
            GROUP BY i.id, i.currency, i.refund_reserved HAVING coalesce(sum(r.amount), 0) <> i.refund_reserved
            """
        ),
        (
            "vendor_balance_is_sum_of_shares",
            """
            SELECT account AS subject, currency, sum(share) AS expected, sum(entry) AS actual FROM (
                SELECT 'vendor:' || s.vendor_id AS account, i.currency,
                    (s.gross - s.commission) - (s.refunded - s.commission_reversed) AS share, 0 AS entry
                FROM payment_shares s JOIN payment_intents i ON i.id = s.payment_id WHERE i.state = 'captured'
                UNION ALL
                SELECT account, currency, 0, -amount FROM ledger_entries WHERE account LIKE 'vendor:%') sums
            GROUP BY account, currency HAVING sum(share) <> sum(entry)
            """
        ),
    ]

    /// Rows of `source` whose amount isn't what the provider's account moved by under their id, both ways.
    private static func moneyAgainstPostings(source: String, kind: String, sign: String) -> String {
        """
        SELECT subject, currency, sum(expected) AS expected, sum(actual) AS actual FROM (
            SELECT id AS subject, currency, amount AS expected, 0 AS actual FROM (\(source)) source
            UNION ALL
            SELECT t.reference, e.currency, 0, \(sign)e.amount
            FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
            WHERE t.kind = '\(kind)' AND e.account LIKE 'provider:%') sums
        GROUP BY subject, currency HAVING sum(expected) <> sum(actual)
        """
    }
}
