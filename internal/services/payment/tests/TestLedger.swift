import SoukDatabase
import SoukTesting

@testable import SoukPayment

/// The schema alone.
enum TestLedger {
    static func make() async throws -> any Database { try await TestDatabase.make(PaymentMigrations.all) }

    /// Every row of the ledger.
    static func contents(_ database: any Database) async throws -> [[SQLValue]] {
        var rows: [[SQLValue]] = []
        for table in [
            "ledger_accounts", "ledger_transactions", "ledger_entries", "ledger_balances", "ledger_never",
        ] {
            rows += try await database.query("SELECT * FROM \(raw: table) ORDER BY 1").map(\.values)
        }
        return rows
    }
}
