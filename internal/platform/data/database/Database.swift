/// The SQL a database speaks, for the few statements that cannot be portable.
package enum Dialect: String, Sendable, CaseIterable {
    case sqlite
    case postgres
}

/// What a transaction sees of others that run beside it, in the terms of the SQL standard.
package enum Isolation: Sendable, Hashable, CaseIterable {
    /// As if transactions ran one after the other. The default: code that is right for one writer is right.
    case serializable
    /// Each statement sees what was committed before it. For hot rows, behind `FOR UPDATE` in a fixed order, where
    /// waiting is cheaper than running again.
    case readCommitted
}

/// Runs statements one at a time.
package protocol SQLExecutor: Sendable {
    var dialect: Dialect { get }

    /// All rows of one statement, in its order; bound the result with `LIMIT` where the table can grow.
    ///
    /// - Throws: By reason; `.cancelled` when the task is cancelled.
    func query(_ sql: SQL) async throws(DatabaseError) -> [Row]

    /// Runs one statement and returns the number of rows it inserted, updated or deleted, triggers not counted.
    ///
    /// - Throws: By reason; `.cancelled` when the task is cancelled.
    @discardableResult
    func execute(_ sql: SQL) async throws(DatabaseError) -> Int
}

/// A running transaction; valid until its body returns.
///
/// After a failed statement the only portable step is to let the error out: use `ON CONFLICT` where a duplicate is
/// expected. Statements of concurrent child tasks run one after the other.
package protocol Transaction: SQLExecutor {
    /// Runs the action once the commit is durable, after the transaction let go of the database; never on rollback.
    /// Actions run in the order given, on the task that ran the transaction, and should only signal.
    func afterCommit(_ action: @escaping @Sendable () -> Void)
}

/// A database of one service.
///
/// `query` reads what is committed; `execute` is a transaction of its own. The handle refuses to be used inside a
/// transaction or snapshot of itself (`.nested`), where waiting for a connection could never end.
package protocol Database: SQLExecutor {
    /// Runs the body in one transaction: its effects become durable together or not at all. It must not call other
    /// services.
    ///
    /// Where writers run side by side, the body of one that got in another's way (a serialization failure, a
    /// deadlock) is rolled back and run again, so it may run several times and must change nothing outside of the
    /// database; actions of ``Transaction/afterCommit(_:)`` run for the attempt that committed only. Where writers
    /// take turns in order of arrival, as on SQLite, every isolation is serializable and the body runs once.
    ///
    /// - Throws: The body's own error, unchanged, after the rollback; `DatabaseError` where the transaction cannot
    ///   begin or commit (nothing was changed then), `.busy` where it was in others' way time after time;
    ///   `CancellationError` when the task is cancelled before the commit.
    @discardableResult
    func transaction<T: Sendable>(
        isolation: Isolation, _ body: @Sendable (any Transaction) async throws -> T
    ) async throws -> T

    /// Runs one statement in a transaction of this isolation: `.readCommitted` for one that changes hot rows which it
    /// finds by their keys, where ``SQLExecutor/execute(_:)`` would get in the way of its neighbours.
    ///
    /// - Throws: As ``transaction(isolation:_:)``.
    @discardableResult
    func execute(_ sql: SQL, isolation: Isolation) async throws -> Int

    /// Runs the body's reads against one unchanging state of the database; a statement that writes is refused.
    ///
    /// - Throws: The body's own error, unchanged; `DatabaseError` where the snapshot cannot begin;
    ///   `CancellationError` when the task is cancelled while it waits to begin.
    func snapshot<T: Sendable>(
        _ body: @Sendable (any SQLExecutor) async throws -> T
    ) async throws -> T

    /// Yields when somebody signals the channel (PostgreSQL: `NOTIFY`), this process or another one, and whenever
    /// signals may have been missed; several signals may be told as one. Ends when the database is closed, at once
    /// where the database has no signals (SQLite): whoever waits looks by himself now and then as well.
    ///
    /// - Parameter channel: Lower-case letters and underscores.
    func signals(on channel: String) -> AsyncStream<Void>

    /// Reads from the database once, to see that it can be.
    func ping() async throws(DatabaseError)

    /// Refuses new work, waits for what runs, and lets go of the database. Idempotent. Calls waiting for a
    /// connection, and all later ones, throw `.closed`.
    func close() async
}

extension Database {
    /// Runs the body in one serializable transaction; see ``transaction(isolation:_:)``.
    @discardableResult
    package func transaction<T: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> T
    ) async throws -> T {
        try await transaction(isolation: .serializable, body)
    }

    @discardableResult
    package func execute(_ sql: SQL, isolation: Isolation) async throws -> Int {
        try await transaction(isolation: isolation) { try await $0.execute(sql) }
    }
}

extension SQLExecutor {
    /// The first row of the result, or nil where there is none.
    package func first(_ sql: SQL) async throws(DatabaseError) -> Row? {
        try await query(sql).first
    }

    /// The first column of the first row, or nil where there is no row or the column is `NULL`.
    ///
    /// - Throws: As ``query(_:)``; `.decoding` where the value is of another kind.
    package func scalar<T: SQLDecodable>(
        _ sql: SQL, as type: T.Type = T.self
    ) async throws(DatabaseError) -> T? {
        guard let value = try await query(sql).first?.values.first, !value.isNull else { return nil }
        return try T(sqlValue: value)
    }
}
