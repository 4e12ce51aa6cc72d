import SoukDatabase
import SoukDatabasePostgres
import SoukTesting
import Testing

@Suite(.enabled(if: PostgresTestServer.isAvailable, "\(PostgresTestServer.hint)"))
struct PostgresContractTests {
    @Test(.timeLimit(.minutes(1)), arguments: DatabaseContract.checks)
    func keepsThePromise(_ check: DatabaseContract.Check) async throws {
        try await check.run(on: try await PostgresTestServer.makeDatabase())
    }

    @Test(.timeLimit(.minutes(1)), arguments: DatabaseContract.checks)
    func keepsThePromiseWithFewConnectionsAndStatements(_ check: DatabaseContract.Check) async throws {
        try await check.run(
            on: try await PostgresTestServer.makeDatabase { options in
                options.poolSize = 2
                options.statementCacheSize = 2
            })
    }
}
