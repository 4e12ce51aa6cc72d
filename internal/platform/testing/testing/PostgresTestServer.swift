import Foundation
package import SoukDatabase
package import SoukDatabasePostgres
import Synchronization

/// The PostgreSQL server for tests, which `SOUK_TEST_POSTGRES_URL` names: `scripts/test` starts one for its run, and
/// `scripts/lib/postgres.sh start FOLDER` prints the URL of another.
///
///     @Suite(.enabled(if: PostgresTestServer.isAvailable, "\(PostgresTestServer.hint)")) struct StoreTests {
///         let database = try await PostgresTestServer.makeDatabase()
package enum PostgresTestServer {
    /// The URL of a database of the server, whose role may create others.
    package static let url = ProcessInfo.processInfo.environment["SOUK_TEST_POSTGRES_URL"]
        .flatMap { $0.isEmpty ? nil : $0 }

    /// Whether there is a server; tests that need one are disabled otherwise.
    package static var isAvailable: Bool { url != nil }

    /// Why they are.
    package static let hint = "SOUK_TEST_POSTGRES_URL names no PostgreSQL server; scripts/test starts one"

    /// A new, empty database, which goes when it is closed or dropped.
    ///
    /// - Parameters:
    ///   - template: The name of a database that nobody is connected to: its copy is made instead of an empty one.
    ///   - configure: Changes the options before it is opened.
    package static func makeDatabase(
        template: String? = nil, _ configure: (inout PostgresOptions) -> Void = { _ in }
    ) async throws -> PostgresTestDatabase {
        guard let url, let slash = url.lastIndex(of: "/") else {
            throw DatabaseError(.connection, detail: hint)
        }
        let name = "souk_test_" + UUID().uuidString.lowercased().replacing("-", with: "")
        let copied = template.map { " TEMPLATE \($0)" } ?? ""
        try await administrator(url).execute(
            SQL(raw: "CREATE DATABASE \(name)\(copied)"), isolation: .readCommitted)
        let parameters = url[slash...].firstIndex(of: "?").map { String(url[$0...]) } ?? ""
        var options = try PostgresOptions(url: "\(url[..<slash])/\(name)\(parameters)")
        configure(&options)
        return PostgresTestDatabase(name: name, options)
    }

    /// Creates and drops databases, for the whole run.
    private static let administrator = Mutex<PostgresDatabase?>(nil)

    private static func administrator(_ url: String) throws -> PostgresDatabase {
        try administrator.withLock { shared in
            if let shared { return shared }
            var options = try PostgresOptions(url: url)
            options.poolSize = 2
            options.acquireTimeout = .seconds(60)
            let opened = PostgresDatabase.open(options)
            shared = opened
            return opened
        }
    }

    static func drop(_ name: String) async {
        guard let url, let administrator = try? administrator(url) else { return }
        // The server is thrown away after the run, with what could not be dropped.
        _ = try? await administrator.execute(
            SQL(raw: "DROP DATABASE IF EXISTS \(name) WITH (FORCE)"), isolation: .readCommitted)
    }
}

/// A PostgreSQL database of one test's own.
package final class PostgresTestDatabase: Database {
    package let name: String
    private let database: PostgresDatabase

    fileprivate init(name: String, _ options: PostgresOptions) {
        self.name = name
        database = PostgresDatabase.open(options)
    }

    deinit {
        let name = name
        // Nobody awaits the end of a test's database; another try does no harm.
        Task { await PostgresTestServer.drop(name) }
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
