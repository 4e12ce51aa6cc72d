import SoukDatabase
import Synchronization

/// A transaction on one connection, from its beginning to its end; over for good after either.
///
/// It begins on the server together with its first statement, in one round trip.
final class PostgresSession: SQLExecutor {
    enum Mode: Sendable {
        case writing(Isolation)
        /// One statement that may not write.
        case read
        /// All reads see the state at the beginning.
        case snapshot

        var begin: String {
            switch self {
            case .writing(.serializable): "BEGIN ISOLATION LEVEL SERIALIZABLE"
            case .writing(.readCommitted): "BEGIN ISOLATION LEVEL READ COMMITTED"
            case .read: "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
            case .snapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            }
        }
    }

    private enum Phase {
        case pending
        case active
        /// The server takes no more statements, because of this error.
        case failed(PostgresError)
        case over
    }

    private let connection: PostgresConnection
    private let mode: Mode
    // Read and changed on the connection's thread, where calls come one after the other.
    private let phase = Mutex(Phase.pending)

    var dialect: Dialect { .postgres }

    /// The connection stays the caller's to give back, after ``commit()`` or ``rollback()``.
    init(_ connection: PostgresConnection, _ mode: Mode) {
        self.connection = connection
        self.mode = mode
    }

    /// What the transaction failed with, where another run of it may well succeed.
    var repeatableFailure: DatabaseError? {
        phase.withLock { phase in
            guard case .failed(let failure) = phase, failure.isRepeatable else { return nil }
            return failure.error
        }
    }

    /// Begins now, for a snapshot, which the server takes with the first statement.
    func begin() async throws(DatabaseError) {
        try await run { handle, lead, cancellation throws(PostgresError) in
            _ = try handle.runAll(lead + ["SELECT 1"], cancellation: cancellation)
        }
    }

    func query(_ sql: SQL) async throws(DatabaseError) -> [Row] {
        try await run { handle, lead, cancellation throws(PostgresError) in
            try handle.run(sql, lead: lead, cancellation: cancellation).rows
        }
    }

    func execute(_ sql: SQL) async throws(DatabaseError) -> Int {
        try await run { handle, lead, cancellation throws(PostgresError) in
            try handle.run(sql, lead: lead, cancellation: cancellation).changes
        }
    }

    /// Makes the changes durable.
    ///
    /// - Throws: Why not; then nothing was changed, except where a `.connection` error says that it is not known.
    func commit() async throws(PostgresError) {
        guard hasBegun(orSet: .over) else { return }
        do {
            try await connection.runUncancelled { handle throws(PostgresError) in
                let phase = self.phase.withLock { phase in
                    defer { phase = .over }
                    return phase
                }
                if case .failed(let failure) = phase {
                    handle.endStrayTransaction()
                    throw failure
                }
                let tag: String
                do throws(PostgresError) {
                    tag = try handle.runAll(["COMMIT"])
                } catch {
                    handle.endStrayTransaction()
                    throw error.asOutcomeUnknown
                }
                // What COMMIT does to a transaction that has failed.
                guard tag == "COMMIT" else {
                    throw PostgresError(
                        DatabaseError(.other, detail: "the server rolled the transaction back: \(tag)"))
                }
            }
        } catch {
            // A connection that was lost before tells it; the transaction is over all the same.
            phase.withLock { $0 = .over }
            throw error
        }
    }

    /// Undoes the changes.
    func rollback() async {
        guard hasBegun(orSet: .over) else { return }
        // A lost connection, the only error, has no transaction.
        try? await connection.runUncancelled { handle throws(PostgresError) in
            self.phase.withLock { $0 = .over }
            handle.endStrayTransaction()
        }
        phase.withLock { $0 = .over }
    }

    private func hasBegun(orSet other: Phase) -> Bool {
        phase.withLock { phase in
            guard case .pending = phase else { return true }
            phase = other
            return false
        }
    }

    private func run<T: Sendable>(
        _ body:
            @escaping @Sendable (PostgresHandle, [String], PostgresCancellation) throws(PostgresError) -> T
    ) async throws(DatabaseError) -> T {
        do {
            // A transaction that is over does not ask for a connection.
            let isFirst = try !lead().isEmpty
            return try await connection.run(connecting: isFirst) {
                handle, cancellation throws(PostgresError) in
                let lead = try self.lead()
                do throws(PostgresError) {
                    let value = try body(handle, lead, cancellation)
                    self.phase.withLock { $0 = .active }
                    return value
                } catch {
                    // A value that cannot be sent or read fails on this side alone.
                    if handle.isBroken || handle.isTransactionFailed || error.isRepeatable {
                        self.phase.withLock { $0 = .failed(error) }
                    } else if handle.isInTransaction {
                        self.phase.withLock { $0 = .active }
                    }
                    throw error
                }
            }
        } catch {
            throw error.error
        }
    }

    /// What has to run before the next statement.
    private func lead() throws(PostgresError) -> [String] {
        switch phase.withLock({ $0 }) {
        case .pending: return [mode.begin]
        case .active: return []
        case .failed(let failure): throw failure
        case .over: throw PostgresError(DatabaseError(.closed, detail: "the transaction is over"))
        }
    }
}

extension PostgresError {
    /// This error where the commit was on its way when the connection broke.
    var asOutcomeUnknown: PostgresError {
        guard error.reason == .connection else { return self }
        return PostgresError(
            DatabaseError(
                .connection, detail: "whether the commit took effect is not known: \(error.detail ?? "")"))
    }
}
