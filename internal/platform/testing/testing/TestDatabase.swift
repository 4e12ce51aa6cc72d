import Foundation
package import SoukDatabase
package import SoukDatabaseSQLite

/// A SQLite database in a temporary folder of its own, which goes when the database is dropped.
///
/// It is the driver that production uses, with commits that do not wait for the disk. With `SOUK_TEST_DATABASE=postgres`
/// tests that ask for any database get one on PostgreSQL, so that every store is tested on both.
package final class TestDatabase: Database {
    private let database: SQLiteDatabase
    private let folder: TemporaryFolder

    /// What tests that ask for any database get. One that concerns a single kind says so with `.enabled(if:)`.
    package static let dialect: Dialect =
        ProcessInfo.processInfo.environment["SOUK_TEST_DATABASE"].flatMap(Dialect.init) ?? .sqlite

    private init(_ database: SQLiteDatabase, _ folder: TemporaryFolder) {
        self.database = database
        self.folder = folder
    }

    /// A new database with the migrations applied, each list as a set of its own (`test-0`, `test-1`, …).
    ///
    /// Give none where the code under test migrates by itself.
    package static func make(_ migrations: [Migration]...) async throws -> any Database {
        try await make(sets: migrations.enumerated().map { ("test-\($0)", $1) })
    }

    /// A new database with the migrations applied under the names of their sets.
    package static func make(sets: KeyValuePairs<String, [Migration]>) async throws -> any Database {
        try await make(sets: sets.map { ($0.key, $0.value) })
    }

    /// A new, empty SQLite database opened with the options given.
    package static func make(options: SQLiteOptions) async throws -> TestDatabase {
        let folder = try TemporaryFolder()
        return TestDatabase(
            try await SQLiteDatabase.open(path: folder.path("test.sqlite"), options: options), folder)
    }

    private static func make(sets: [(name: String, migrations: [Migration])]) async throws -> any Database {
        if dialect == .postgres { return try await PostgresTestDatabases.make(sets: sets) }
        let database = try await make(options: SQLiteOptions(synchronous: .off))
        for set in sets { try await Migrator.migrate(database, set.migrations, set: set.name) }
        return database
    }

    package var dialect: Dialect { database.dialect }

    package func query(_ sql: SQL) async throws(DatabaseError) -> [Row] {
        try await database.query(sql)
    }

    @discardableResult
    package func execute(_ sql: SQL) async throws(DatabaseError) -> Int {
        try await database.execute(sql)
    }

    @discardableResult
    package func transaction<T: Sendable>(
        isolation: Isolation, _ body: @Sendable (any Transaction) async throws -> T
    ) async throws -> T {
        try await database.transaction(isolation: isolation, body)
    }

    package func snapshot<T: Sendable>(
        _ body: @Sendable (any SQLExecutor) async throws -> T
    ) async throws -> T {
        try await database.snapshot(body)
    }

    package func signals(on channel: String) -> AsyncStream<Void> {
        database.signals(on: channel)
    }

    package func ping() async throws(DatabaseError) {
        try await database.ping()
    }

    package func close() async {
        await database.close()
    }
}
