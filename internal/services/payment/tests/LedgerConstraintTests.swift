import SoukDatabase
import SoukIDs
import SoukTesting
import Testing

@testable import SoukPayment

/// Attacks on the books below the Swift code: none may succeed.
@Suite struct LedgerConstraintTests {
    private static let begin: [String] = [
        "INSERT INTO ledger_accounts (name, kind) VALUES ('a', 'asset'), ('b', 'liability')",
        "INSERT INTO ledger_transactions (id, kind, reference, occurred_at) VALUES ('t', 'capture', 'r', 0)",
    ]
    private static func entry(_ position: Int, _ account: String, _ amount: Int, _ currency: String = "GBP")
        -> String
    {
        """
        INSERT INTO ledger_entries (transaction_id, position, account, currency, amount)
        VALUES ('t', \(position), '\(account)', '\(currency)', \(amount))
        """
    }
    private static let post = "UPDATE ledger_transactions SET posted = 1 WHERE id = 't'"
    private static let whole = begin + [entry(0, "a", 5), entry(1, "b", -5), post]

    private func run(_ statements: [String], on database: any Database) async throws {
        try await database.transaction { tx in
            for statement in statements { try await tx.execute(SQL(raw: statement)) }
        }
    }

    @Test func aBalancedTransactionIsPosted() async throws {
        let database = try await TestLedger.make()
        try await run(Self.whole, on: database)
        let rows = try await database.query("SELECT account, balance FROM ledger_balances ORDER BY account")
        #expect(try rows.map { try $0.get("balance", as: Int.self) } == [5, -5])
    }

    @Test(arguments: [
        begin,
        begin + [entry(0, "a", 5), entry(1, "b", -5)],
        begin + [post],
        begin + [entry(0, "a", 5), post],
        begin + [entry(0, "a", 5), entry(1, "b", -4), post],
        begin + [entry(0, "a", 5), entry(1, "b", -5, "EUR"), post],
        begin + [
            entry(0, "a", 5), entry(1, "b", -5), entry(2, "a", 1, "EUR"), entry(3, "b", -2, "EUR"), post,
        ],
        begin + [entry(0, "a", 0), entry(1, "b", 0), post],
        begin + [entry(0, "a", 5), entry(1, "nobody", -5), post],
        [
            begin[0],
            begin[1].replacing("occurred_at)", with: "occurred_at, posted)").replacing("0)", with: "0, 1)"),
        ],
        [begin[0], entry(0, "a", 5)],
        begin + ["UPDATE ledger_transactions SET reference = 'other' WHERE id = 't'"],
        begin + ["UPDATE ledger_transactions SET posted = 2 WHERE id = 't'"],
    ])
    func anUnbalancedOrUnfinishedOneIsNotCommitted(statements: [String]) async throws {
        let database = try await TestLedger.make()
        await #expect(throws: DatabaseError.self) { try await run(statements, on: database) }
        for table in ["ledger_transactions", "ledger_entries", "ledger_balances"] {
            #expect(try await database.scalar("SELECT count(*) FROM \(raw: table)", as: Int.self) == 0)
        }
    }

    @Test(arguments: [
        entry(2, "a", 5), "DELETE FROM ledger_entries", "DELETE FROM ledger_transactions",
        "UPDATE ledger_entries SET amount = 6 WHERE position = 0", "UPDATE ledger_entries SET account = 'b'",
        "UPDATE ledger_transactions SET posted = 0", "UPDATE ledger_transactions SET occurred_at = 9",
        "UPDATE ledger_transactions SET id = 'u'", "UPDATE ledger_transactions SET order_id = 'u'", post,
        """
        INSERT INTO ledger_transactions (id, kind, reference, occurred_at) VALUES ('u', 'capture', 'r', 1)
        ON CONFLICT (kind, reference) DO UPDATE SET occurred_at = 1
        """,
        """
        INSERT INTO ledger_entries VALUES ('t', 0, 'a', 'GBP', 6)
        ON CONFLICT (transaction_id, position) DO UPDATE SET amount = 6
        """,
        "INSERT INTO ledger_entries VALUES ('t', 3, 'a', 'GBP', 6) ON CONFLICT DO NOTHING",
        "UPDATE ledger_accounts SET kind = 'revenue'", "DELETE FROM ledger_accounts",
        "DROP TABLE ledger_accounts",
        "INSERT INTO ledger_never (id) VALUES ('t')", "INSERT INTO ledger_never (id) VALUES (NULL)",
    ])
    func whatIsPostedNeverChanges(attack: String) async throws {
        try await refuses(attack)
    }

    @Test(
        .enabled(if: TestDatabase.dialect == .sqlite, "in SQLite's words"),
        arguments: [
            """
            INSERT OR REPLACE INTO ledger_transactions (id, kind, reference, occurred_at)
            VALUES ('t', 'capture', 'r', 1)
            """,
            """
            INSERT OR REPLACE INTO ledger_transactions (id, kind, reference, occurred_at)
            VALUES ('u', 'capture', 'r', 1)
            """,
            "INSERT OR REPLACE INTO ledger_entries VALUES ('t', 0, 'a', 'GBP', 6)",
            "INSERT OR IGNORE INTO ledger_entries VALUES ('t', 3, 'a', 'GBP', 6)",
            "UPDATE OR REPLACE ledger_entries SET position = 1 WHERE position = 0",
        ])
    func whatIsPostedIsNotReplaced(attack: String) async throws {
        try await refuses(attack)
    }

    @Test(
        .enabled(if: TestDatabase.dialect == .postgres, "in PostgreSQL's words"),
        arguments: [
            "TRUNCATE ledger_entries", "TRUNCATE ledger_accounts CASCADE", "TRUNCATE ledger_balances",
            "TRUNCATE ledger_transactions CASCADE",
            "UPDATE ledger_transactions SET unposted_id = 't'",
        ])
    func theBooksAreNotEmptied(attack: String) async throws {
        try await refuses(attack)
    }

    private func refuses(_ attack: String) async throws {
        let database = try await TestLedger.make()
        try await run(Self.whole, on: database)
        let before = try await TestLedger.contents(database)
        await #expect(throws: DatabaseError.self) { try await run([attack], on: database) }
        #expect(try await TestLedger.contents(database) == before)
    }

    @Test func aCapturedIntentAndItsLimitsAreKeptByTheSchema() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.paid()
        let attacks = [
            "UPDATE payment_intents SET state = 'pending', captured = 0, captured_at = NULL",
            "UPDATE payment_intents SET refund_reserved = captured + 1",
            "UPDATE payment_intents SET refunded = 1",
            "UPDATE payment_intents SET refunded = -1",
            "UPDATE payment_intents SET captured = amount - 1",
            "UPDATE payment_intents SET amount = amount + 1",
            "UPDATE payment_shares SET refund_reserved = gross + 1",
            "UPDATE payment_shares SET commission = gross + 1",
            "UPDATE payment_shares SET commission_reversed = commission + 1",
        ]
        for attack in attacks {
            await #expect(throws: DatabaseError.self, "\(attack)") {
                try await run([attack], on: bench.database)
            }
        }
        #expect(try await bench.intent(intent.id) == intent)
    }

    @Test func verificationFindsWhatTheSchemaCannotForbid() async throws {
        let tamperings = [
            ("UPDATE ledger_balances SET balance = balance + 1", "balance_is_sum_of_entries"),
            ("DELETE FROM ledger_balances", "balance_is_sum_of_entries"),
            ("UPDATE refunds SET amount = amount + 1", "refund_succeeded_is_posted"),
            ("UPDATE payment_intents SET refunded = refunded - 1", "payment_refunded_is_sum_of_refunds"),
            ("UPDATE payment_intents SET refund_reserved = captured", "payment_reserved_is_sum_of_refunds"),
            (
                "UPDATE payment_shares SET commission = 0, commission_reversed = 0",
                "vendor_balance_is_sum_of_shares"
            ),
            (
                """
                INSERT INTO payment_intents (id, order_id, customer_id, amount, currency, captured, state, provider,
                    next_check_at, expires_at, created_at, updated_at, captured_at)
                VALUES ('i', 'o', 'c', 5, 'GBP', 5, 'captured', 'fake', 0, 0, 0, 0, 0)
                """, "payment_captured_is_posted"
            ),
        ]
        for (tampering, check) in tamperings {
            let bench = try await PaymentBench()
            let intent = try await bench.paid()
            _ = try await bench.refund(.exactly(bench.money(100)), of: intent)
            try await bench.core.refundWorker.run()
            try await bench.checkBooks()
            try await run([tampering], on: bench.database)
            let found = try await LedgerVerifier(database: bench.database).verify()
            #expect(!found.isBalanced && found.differences.contains { $0.check == check }, "\(tampering)")
        }
    }
}
