/// Locks for ``Isolation/readCommitted``: who changes the same thing takes turns, and then sees what the others left.
///
/// SQLite has one writer, whose transaction has the whole database to itself, so there they are nothing. To avoid
/// deadlocks every transaction takes them in the same order: names first, then rows in the order of their keys.
extension SQLExecutor {
    /// Ends a `SELECT` whose rows are about to be changed, or to be held as they are: other writers of them wait for the
    /// transaction's end. Rows of other tables that refer to them can be added meanwhile.
    package var forUpdate: SQL {
        switch dialect {
        case .sqlite: ""
        case .postgres: " FOR NO KEY UPDATE"
        }
    }

    /// As ``forUpdate``, for the rows of one table of a join.
    package func forUpdate(of table: String) -> SQL {
        switch dialect {
        case .sqlite: ""
        case .postgres: " FOR NO KEY UPDATE OF \(raw: table)"
        }
    }

    /// As ``forUpdate``, leaving out the rows that another transaction has: for jobs of which several may run.
    package var forUpdateSkippingLocked: SQL {
        switch dialect {
        case .sqlite: ""
        case .postgres: " FOR NO KEY UPDATE SKIP LOCKED"
        }
    }

    /// Ends a `SELECT` whose rows must not change before the transaction's end; others may hold them too.
    package var forShare: SQL {
        switch dialect {
        case .sqlite: ""
        case .postgres: " FOR SHARE"
        }
    }
}

extension Transaction {
    /// Waits for the transactions that hold this name, and holds it until this one's end: for what has no row yet.
    ///
    /// - Parameter name: `<what>:<id>`; names of one database do not meet those of another.
    package func lock(_ name: String) async throws(DatabaseError) {
        guard dialect == .postgres else { return }
        // Two names with one hash wait for each other without need, which harms nobody.
        _ = try await query("SELECT 1 AS held FROM pg_advisory_xact_lock(hashtextextended(\(name), 0))")
    }

    /// As ``lock(_:)``, for several names at once, in the order of all who lock several.
    package func lock(_ names: [String]) async throws(DatabaseError) {
        guard dialect == .postgres, !names.isEmpty else { return }
        _ = try await query(
            """
            SELECT count(pg_advisory_xact_lock(hash)) FROM (
                SELECT hashtextextended(name, 0) AS hash FROM unnest(ARRAY[\(list: names)]) AS name
                ORDER BY hash) AS ordered
            """)
    }
}
