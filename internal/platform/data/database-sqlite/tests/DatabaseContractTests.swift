import SoukDatabase
import SoukDatabaseSQLite
import SoukTesting
import Testing

@Suite struct DatabaseContractTests {
    @Test(.timeLimit(.minutes(1)), arguments: DatabaseContract.checks)
    func keepsThePromise(_ check: DatabaseContract.Check) async throws {
        try await check.run(on: try await TestDatabase.make(options: SQLiteOptions()))
    }

    @Test(.timeLimit(.minutes(1)), arguments: DatabaseContract.checks)
    func keepsThePromiseWithOneReaderAndFewStatements(_ check: DatabaseContract.Check) async throws {
        let options = SQLiteOptions(synchronous: .off, readers: 1, statementCacheSize: 2)
        try await check.run(on: try await TestDatabase.make(options: options))
    }
}
