/// The SQL a database speaks, for the few statements that cannot be portable.
package enum Dialect: String, Sendable, CaseIterable {
    case sqlite
    case postgres
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
    /// Runs the body in one transaction: its effects become durable together or not at all. Writers take turns in
    /// order of arrival. The body runs once; it must not call other services.
    ///
    /// - Throws: The body's own error, unchanged, after the rollback; `DatabaseError` where the transaction cannot
    ///   begin or commit (nothing was changed then); `CancellationError` when the task is cancelled before the
    ///   commit.
    @discardableResult
    func transaction<T: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> T
    ) async throws -> T

    /// Runs the body's reads against one unchanging state of the database; a statement that writes is refused.
    ///
    /// - Throws: The body's own error, unchanged; `DatabaseError` where the snapshot cannot begin;
    ///   `CancellationError` when the task is cancelled while it waits to begin.
    func snapshot<T: Sendable>(
        _ body: @Sendable (any SQLExecutor) async throws -> T
    ) async throws -> T

    /// Reads from the database once, to see that it can be.
    func ping() async throws(DatabaseError)

    /// Refuses new work, waits for what runs, and lets go of the database. Idempotent. Calls waiting for a
    /// connection, and all later ones, throw `.closed`.
    func close() async
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
