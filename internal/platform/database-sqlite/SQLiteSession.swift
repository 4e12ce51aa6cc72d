import Logging
import SoukDatabase
import Synchronization

/// A transaction on one connection, from its beginning to its end; over for good after either.
final class SQLiteSession: SQLExecutor {
    enum Mode: String {
        /// With the write lock, so that no later statement finds it taken.
        case writing = "BEGIN IMMEDIATE"
        /// All reads see the state at the beginning.
        case reading = "BEGIN"
    }

    private enum Phase {
        case active
        /// SQLite ended the transaction by itself, because of this error.
        case aborted(DatabaseError)
        case over
    }

    private let connection: SQLiteConnection
    // Read and changed on the connection's thread, where calls come one after the other.
    private let phase = Mutex(Phase.active)

    var dialect: Dialect { .sqlite }

    /// The connection stays the caller's to give back, after ``commit()`` or ``rollback()``.
    init(_ connection: SQLiteConnection) {
        self.connection = connection
    }

    func begin(_ mode: Mode) async throws(DatabaseError) {
        try await connection.run { handle throws(DatabaseError) in
            try handle.endStrayTransaction()
            _ = try handle.execute(SQL(raw: mode.rawValue))
            // SQLite takes the snapshot with the first read.
            if mode == .reading { _ = try handle.query("SELECT 1 FROM sqlite_schema LIMIT 1") }
        }
    }

    func query(_ sql: SQL) async throws(DatabaseError) -> [Row] {
        try await run { handle throws(DatabaseError) in try handle.query(sql) }
    }

    func execute(_ sql: SQL) async throws(DatabaseError) -> Int {
        try await run { handle throws(DatabaseError) in try handle.execute(sql) }
    }

    /// Makes the changes durable.
    ///
    /// - Throws: Why not; then nothing was changed.
    func commit() async throws(DatabaseError) {
        try await connection.runUncancelled { handle throws(DatabaseError) in
            try self.checkPhase()
            self.phase.withLock { $0 = .over }
            do throws(DatabaseError) {
                _ = try handle.execute("COMMIT")
            } catch {
                Self.rollback(handle)
                throw error
            }
        }
    }

    /// Undoes the changes.
    func rollback() async {
        // A closed connection, the only error, has no transaction.
        try? await connection.runUncancelled { handle throws(DatabaseError) in
            self.phase.withLock { $0 = .over }
            Self.rollback(handle)
        }
    }

    private func run<T: Sendable>(
        _ body: @escaping @Sendable (SQLiteHandle) throws(DatabaseError) -> T
    ) async throws(DatabaseError) -> T {
        try await connection.run { handle throws(DatabaseError) in
            try self.checkPhase()
            do throws(DatabaseError) {
                return try body(handle)
            } catch {
                // Statements that followed would each be a transaction of their own.
                if handle.isAutocommit { self.phase.withLock { $0 = .aborted(error) } }
                throw error
            }
        }
    }

    private func checkPhase() throws(DatabaseError) {
        switch phase.withLock({ $0 }) {
        case .active: return
        case .aborted(let error): throw error
        case .over: throw DatabaseError(.closed, detail: "the transaction is over")
        }
    }

    private static func rollback(_ handle: SQLiteHandle) {
        do {
            try handle.endStrayTransaction()
        } catch {
            // The next holder of the connection tries again before it begins.
            Logger(label: "souk.database").error("rollback", metadata: ["error": "\(error)"])
        }
    }
}

extension SQLiteHandle {
    /// Rolls back what is open, such as a transaction whose own rollback could not be done.
    func endStrayTransaction() throws(DatabaseError) {
        if !isAutocommit { _ = try execute("ROLLBACK") }
    }
}
