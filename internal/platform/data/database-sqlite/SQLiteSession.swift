import Logging
import SoukDatabase
import Synchronization

/// A transaction on one connection, from its beginning to its end; over for good after either.
///
/// One that writes may be part of a ``CommitGroup``: its end is then not the end of the group.
final class SQLiteSession: SQLExecutor {
    enum Mode {
        /// With the write lock, so that no later statement finds it taken.
        case writing
        /// All reads see the state at the beginning.
        case reading
    }

    private enum Phase {
        /// In a group, behind those before it.
        case active(isJoined: Bool)
        /// SQLite ended the transaction by itself, because of this error.
        case aborted(DatabaseError)
        case over
    }

    private let connection: SQLiteConnection
    // Read and changed on the connection's thread, where calls come one after the other.
    private let phase = Mutex(Phase.over)

    var dialect: Dialect { .sqlite }

    /// The connection stays the caller's to give back, after the session's end.
    init(_ connection: SQLiteConnection) {
        self.connection = connection
    }

    /// - Throws: `CancellationError` where the task is cancelled; `DatabaseError`.
    func begin(_ mode: Mode) async throws {
        try Task.checkCancellation()
        try await connection.runUncancelled { handle throws(DatabaseError) in
            if let group = self.connection.group {
                _ = try handle.execute("SAVEPOINT member")
                group.join()
                self.phase.withLock { $0 = .active(isJoined: true) }
                return
            }
            try handle.endStrayTransaction()
            switch mode {
            case .writing:
                _ = try handle.execute("BEGIN IMMEDIATE")
                self.connection.group = CommitGroup()
            case .reading:
                _ = try handle.execute("BEGIN")
                // SQLite takes the snapshot with the first read.
                _ = try handle.query("SELECT 1 FROM sqlite_schema LIMIT 1")
            }
            self.phase.withLock { $0 = .active(isJoined: false) }
        }
    }

    func query(_ sql: SQL) async throws(DatabaseError) -> [Row] {
        try await run { handle throws(DatabaseError) in try handle.query(sql) }
    }

    func execute(_ sql: SQL) async throws(DatabaseError) -> Int {
        try await run { handle throws(DatabaseError) in try handle.execute(sql) }
    }

    /// Ends it, its changes to be committed with the group.
    ///
    /// - Throws: Why they can't be; the session is then still to be rolled back.
    func finish() async throws(DatabaseError) {
        try await connection.runUncancelled { handle throws(DatabaseError) in
            let isJoined = try self.checkPhase()
            guard !handle.hasDeferredViolations else {
                throw DatabaseError(
                    .foreignKeyViolation, detail: "FOREIGN KEY constraint failed at the end of a transaction")
            }
            if isJoined { _ = try handle.execute("RELEASE member") }
            self.phase.withLock { $0 = .over }
        }
    }

    /// Undoes the changes.
    func rollback() async {
        // A closed connection, the only error, has no transaction.
        try? await connection.runUncancelled { handle throws(DatabaseError) in
            let last = self.phase.withLock { phase in
                defer { phase = .over }
                return phase
            }
            switch last {
            case .active(isJoined: true):
                do throws(DatabaseError) {
                    _ = try handle.execute("ROLLBACK TO member")
                    _ = try handle.execute("RELEASE member")
                } catch {
                    // What came before it in the group goes, too, rather than that a part of it stays.
                    self.connection.endGroup(.failure(error), handle)
                }
            case .active(isJoined: false): self.connection.endGroup(nil, handle)
            case .aborted(let error): self.connection.endGroup(.failure(error), handle)
            case .over: break
            }
        }
    }

    private func run<T: Sendable>(
        _ body: @escaping @Sendable (SQLiteHandle) throws(DatabaseError) -> T
    ) async throws(DatabaseError) -> T {
        let statement: @Sendable (SQLiteHandle) throws(DatabaseError) -> T = { handle throws(DatabaseError) in
            _ = try self.checkPhase()
            do throws(DatabaseError) {
                return try body(handle)
            } catch {
                // Statements that followed would each be a transaction of their own.
                if handle.isAutocommit { self.phase.withLock { $0 = .aborted(error) } }
                throw error
            }
        }
        guard case .active(isJoined: true) = phase.withLock({ $0 }) else {
            return try await connection.run(statement)
        }
        // Interrupting a statement that writes would end the transaction of all.
        guard !Task.isCancelled else { throw DatabaseError(.cancelled, detail: "the task was cancelled") }
        return try await connection.runUncancelled(statement)
    }

    /// Whether it joined others.
    private func checkPhase() throws(DatabaseError) -> Bool {
        switch phase.withLock({ $0 }) {
        case .active(let isJoined): return isJoined
        case .aborted(let error): throw error
        case .over: throw DatabaseError(.closed, detail: "the transaction is over")
        }
    }
}

extension SQLiteConnection {
    /// Commits the open group.
    func commitGroup() async {
        // Throws for a closed connection only, and none is closed before its last holder has given it back.
        try? await runUncancelled { handle throws(DatabaseError) in
            do throws(DatabaseError) {
                _ = try handle.execute("COMMIT")
                self.endGroup(.success(()), handle)
            } catch {
                self.endGroup(.failure(error), handle)
            }
        }
    }

    /// Ends what is open and tells the members of the group; nil where there are none but who knows already.
    fileprivate func endGroup(_ outcome: Result<Void, DatabaseError>?, _ handle: SQLiteHandle) {
        do {
            try handle.endStrayTransaction()
        } catch {
            // The next holder of the connection tries again before it begins.
            Logger(label: "souk.database").error("rollback", metadata: ["error": "\(error)"])
        }
        if let outcome { group?.finish(outcome) }
        group = nil
    }
}

extension SQLiteHandle {
    /// Rolls back what is open, such as a transaction whose own rollback could not be done.
    func endStrayTransaction() throws(DatabaseError) {
        if !isAutocommit { _ = try execute("ROLLBACK") }
    }
}
