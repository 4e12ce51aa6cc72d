package import SoukDatabase

/// What every database driver has to do, as checks that each run on a new, empty database.
///
///     @Test(arguments: DatabaseContract.checks)
///     func contract(_ check: DatabaseContract.Check) async throws { try await check.run(on: makeDatabase()) }
package enum DatabaseContract {
    /// One promise of the contract.
    package struct Check: Sendable, CustomStringConvertible {
        /// The promise in a few words.
        package let name: String
        let body: @Sendable (any Database) async throws -> Void

        package var description: String { name }

        /// - Parameter database: New and empty; the check may close it.
        /// - Throws: `Violation` where the promise is broken, or the driver's own unexpected error.
        package func run(on database: any Database) async throws {
            try await body(database)
        }
    }

    /// A promise that was not kept.
    package struct Violation: Error, CustomStringConvertible {
        package let description: String
    }

    /// All promises.
    package static let checks: [Check] =
        values + constraints + transactions + concurrency + isolation + migrations

    static func require(_ condition: Bool, _ message: @autoclosure () -> String, line: Int = #line) throws {
        guard condition else { throw Violation(description: "\(message()) (line \(line))") }
    }

    static func requireEqual<T: Equatable>(_ found: T, _ expected: T, line: Int = #line) throws {
        try require(found == expected, "expected \(expected), found \(found)", line: line)
    }

    /// The reason with which the body fails.
    static func reason(
        line: Int = #line, of body: () async throws -> Void
    ) async throws -> DatabaseError.Reason {
        do {
            try await body()
        } catch let error as DatabaseError {
            return error.reason
        }
        throw Violation(description: "no error was thrown (line \(line))")
    }

    /// A table with one constraint of each kind, and one row in `stores`.
    static func makeTables(_ database: any Database) async throws {
        let integer = database.dialect == .sqlite ? "INTEGER" : "BIGINT"
        let strict = database.dialect == .sqlite ? "STRICT" : ""
        try await database.execute(
            SQL(raw: "CREATE TABLE stores (id TEXT PRIMARY KEY, name TEXT NOT NULL) \(strict)"))
        try await database.execute(
            SQL(
                raw: """
                    CREATE TABLE items (
                        id TEXT PRIMARY KEY, store_id TEXT NOT NULL REFERENCES stores (id), sku TEXT NOT NULL,
                        stock \(integer) NOT NULL CONSTRAINT stock_not_negative CHECK (stock >= 0),
                        UNIQUE (store_id, sku)
                    ) \(strict)
                    """))
        try await database.execute("INSERT INTO stores (id, name) VALUES ('s', 'Tea')")
    }

    static func insertItem(_ id: String, sku: String = "tea", stock: Int? = 1, store: String = "s") -> SQL {
        "INSERT INTO items (id, store_id, sku, stock) VALUES (\(id), \(store), \(sku), \(stock))"
    }

    static func stock(_ executor: any SQLExecutor) async throws -> Int? {
        try await executor.scalar("SELECT stock FROM items WHERE id = 'i'")
    }
}
