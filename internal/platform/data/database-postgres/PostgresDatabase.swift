package import SoukDatabase
import SoukTime

/// A PostgreSQL database through a pool of connections, each with a thread of its own.
///
/// Connections are made when they are needed and replaced when they are lost: a server that is away fails the calls
/// (`.connection`), never the database, which is fit again as soon as the server is. A handle dropped without
/// ``close()`` lets go of its connections.
package final class PostgresDatabase: Database {
    private let options: PostgresOptions
    private let connections: LeasePool<PostgresConnection>
    private let listener: PostgresListener

    package var dialect: Dialect { .postgres }

    private init(_ options: PostgresOptions) {
        let backoff = SharedConnectBackoff()
        self.options = options
        connections = LeasePool(
            "connection", (0..<options.poolSize).map { _ in PostgresConnection(options, backoff) },
            waiterLimit: options.waiterLimit, acquireTimeout: options.acquireTimeout, clock: options.clock)
        listener = PostgresListener(options)
    }

    deinit {
        listener.end()
    }

    /// A database that connects when it is first used: the server may be away.
    package static func open(_ options: PostgresOptions) -> PostgresDatabase {
        precondition(options.poolSize >= 1 && options.waiterLimit >= 0, "a database needs connections")
        return PostgresDatabase(options)
    }

    /// As `Database` says: a statement that writes is refused.
    package func query(_ sql: SQL) async throws(DatabaseError) -> [Row] {
        // One statement is one state of the database; serializable it would only get in writers' way.
        try await single(sql, .reading).rows
    }

    /// As `Database` says, serializable and run again where it got in others' way.
    ///
    /// - Throws: As `Database` says; `.connection` where it is not known whether it took effect, the detail says so.
    @discardableResult
    package func execute(_ sql: SQL) async throws(DatabaseError) -> Int {
        try await single(sql, .writing(.serializable)).changes
    }

    /// As `Database` says; `.readCommitted` in one round trip.
    @discardableResult
    package func execute(_ sql: SQL, isolation: Isolation) async throws -> Int {
        do {
            return try await single(sql, .writing(isolation)).changes
        } catch let error where error.reason == .cancelled {
            throw CancellationError()
        }
    }

    @discardableResult
    package func transaction<T: Sendable>(
        isolation: Isolation, _ body: @Sendable (any Transaction) async throws -> T
    ) async throws -> T {
        try DatabaseUse.check(self)
        var retry = RetryBackoff(attemptLimit: options.attemptLimit, timeout: options.retryTimeout, now: .now)
        while true {
            switch try await attempt(isolation, body) {
            case .committed(let value, let transaction):
                transaction.runActions()
                return value
            case .inTheWay(let error):
                try Task.checkCancellation()
                try await options.clock.sleep(for: try retry.pause(after: error))
            }
        }
    }

    package func snapshot<T: Sendable>(
        _ body: @Sendable (any SQLExecutor) async throws -> T
    ) async throws -> T {
        try DatabaseUse.check(self)
        let connection = try await acquire()
        defer { connections.release(connection) }
        return try await connection.asExecutor {
            let session = PostgresSession(connection, .snapshot)
            do throws(DatabaseError) {
                try await session.begin()
            } catch  where error.reason == .cancelled {
                await session.rollback()
                throw CancellationError()
            } catch {
                await session.rollback()
                throw error
            }
            do {
                let value = try await DatabaseUse.within(self) { try await body(session) }
                await session.rollback()
                return value
            } catch {
                await session.rollback()
                throw error
            }
        }
    }

    /// As `Database` says, over one connection that all channels share and that is made again when it is lost.
    package func signals(on channel: String) -> AsyncStream<Void> {
        listener.signals(on: channel)
    }

    package func ping() async throws(DatabaseError) {
        _ = try await query("SELECT 1")
    }

    /// As `Database` says. Not to be called from inside a transaction or snapshot of this database, which it would
    /// wait for.
    package func close() async {
        async let signalsEnd: Void = listener.close()
        await connections.close()
        for connection in connections.takeAll() { await connection.close() }
        await signalsEnd
    }
}

extension PostgresDatabase {
    private enum Attempt<T: Sendable> {
        case committed(T, SessionTransaction)
        /// Rolled back, and worth another try.
        case inTheWay(DatabaseError)
    }

    /// Runs the body once, in a transaction of its own.
    private func attempt<T: Sendable>(
        _ isolation: Isolation, _ body: @Sendable (any Transaction) async throws -> T
    ) async throws -> Attempt<T> {
        let connection = try await acquire()
        // Before the actions, which may well wake somebody who writes, and before the pause: others go first.
        defer { connections.release(connection) }
        return try await connection.asExecutor {
            let session = PostgresSession(connection, .writing(isolation))
            let transaction = SessionTransaction(session)
            let value: T
            do {
                value = try await DatabaseUse.within(self) { try await body(transaction) }
                try Task.checkCancellation()
            } catch {
                // Whatever the body made of it: had the statement not failed, the body would not have either.
                let failure = session.repeatableFailure
                await session.rollback()
                if let failure, !Task.isCancelled { return .inTheWay(failure) }
                throw error
            }
            do throws(PostgresError) {
                try await session.commit()
                return .committed(value, transaction)
            } catch  where error.isRepeatable {
                return .inTheWay(error.error)
            } catch {
                throw error.error
            }
        }
    }

    /// - Throws: `CancellationError` where the task is cancelled meanwhile.
    private func acquire() async throws -> PostgresConnection {
        do {
            return try await connections.acquire()
        } catch let error where error.reason == .cancelled {
            throw CancellationError()
        }
    }

    /// What a statement that is alone may do.
    private enum Purpose {
        case reading
        case writing(Isolation)

        /// Runs before it. Nothing where what a session does by itself is right.
        var lead: [String] {
            switch self {
            case .reading: [PostgresSession.Mode.read.begin]
            case .writing(.serializable): [PostgresSession.Mode.writing(.serializable).begin]
            case .writing(.readCommitted): []
            }
        }

        var isReading: Bool {
            if case .reading = self { true } else { false }
        }
    }

    /// Runs one statement in a transaction of its own.
    private func single(_ sql: SQL, _ purpose: Purpose) async throws(DatabaseError) -> PostgresOutcome {
        try DatabaseUse.check(self)
        var retry = RetryBackoff(attemptLimit: options.attemptLimit, timeout: options.retryTimeout, now: .now)
        while true {
            let failure: DatabaseError
            do throws(PostgresError) {
                return try await singleAttempt(sql, purpose)
            } catch {
                guard error.isRepeatable else { throw error.error }
                failure = error.error
            }
            let pause = try retry.pause(after: failure)
            do {
                try await options.clock.sleep(for: pause)
            } catch {
                throw DatabaseError(.cancelled, detail: "the task was cancelled")
            }
        }
    }

    private func singleAttempt(
        _ sql: SQL, _ purpose: Purpose
    ) async throws(PostgresError) -> PostgresOutcome {
        let connection: PostgresConnection
        do { connection = try await connections.acquire() } catch { throw PostgresError(error) }
        defer { connections.release(connection) }
        return try await connection.run(connecting: true) { handle, cancellation throws(PostgresError) in
            let lead = purpose.lead
            do throws(PostgresError) {
                return try handle.run(
                    sql, lead: lead, trail: lead.isEmpty ? [] : ["COMMIT"], isReading: purpose.isReading,
                    cancellation: cancellation)
            } catch {
                handle.endStrayTransaction()
                throw purpose.isReading ? error : error.asOutcomeUnknown
            }
        }
    }
}

extension RetryBackoff {
    /// - Throws: `.busy`, with the failure's words, where it was tried often enough.
    fileprivate mutating func pause(after failure: DatabaseError) throws(DatabaseError) -> Duration {
        var random = SystemRandomNumberGenerator()
        if let pause = next(now: .now, using: &random) { return pause }
        throw DatabaseError(
            .busy,
            detail: "in others' way \(attempts) times; the last time: \(failure.detail ?? failure.code)")
    }
}
