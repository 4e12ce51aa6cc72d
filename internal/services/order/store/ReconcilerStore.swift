import SoukDatabase
import SoukIdentifiers
import SoukTime

/// A position in a scan over orders by age.
struct ScanPosition: Sendable, Hashable {
    let createdAt: Timestamp
    let id: OrderID
}

/// What the jobs look for.
struct ReconcilerStore: Sendable {
    /// Orders in a status, created at or before `moment`, oldest first, after a position.
    func orders(
        _ status: OrderStatus, createdUntil moment: Timestamp, after position: ScanPosition?, limit: Int,
        in executor: some SQLExecutor
    ) async throws(DatabaseError) -> [ScanPosition] {
        let beyond: SQL =
            position.map {
                " AND (created_at > \($0.createdAt) OR (created_at = \($0.createdAt) AND id > \($0.id)))"
            } ?? ""
        let rows = try await executor.query(
            """
            SELECT id, created_at FROM orders
            WHERE status = \(status.rawValue) AND created_at <= \(moment)\(sql: beyond)
            ORDER BY created_at, id LIMIT \(limit)
            """)
        return try rows.map { row throws(DatabaseError) in
            ScanPosition(createdAt: try row.get("created_at"), id: try row.get("id"))
        }
    }

    /// Orders under creation or cancellation that nothing moved since `moment`, longest untouched first.
    func stuck(since moment: Timestamp, limit: Int, in executor: some SQLExecutor) async throws(DatabaseError)
        -> [OrderID]
    {
        try await executor.query(
            """
            SELECT id FROM orders WHERE status IN ('creating', 'cancelling') AND updated_at <= \(moment)
            ORDER BY updated_at, id LIMIT \(limit)
            """
        ).map { row throws(DatabaseError) in try row.get("id") }
    }

    /// Unpaid orders whose time to pay is over, longest over first.
    func overdue(at now: Timestamp, limit: Int, in executor: some SQLExecutor) async throws(DatabaseError)
        -> [OrderID]
    {
        try await executor.query(
            """
            SELECT id FROM orders
            WHERE status = \(OrderStatus.awaitingPayment.rawValue) AND expires_at <= \(now)
            ORDER BY expires_at, id LIMIT \(limit)
            """
        ).map { row throws(DatabaseError) in try row.get("id") }
    }

    /// The statuses of these orders; unknown ones are left out.
    func statuses(
        of orders: [OrderID], in executor: some SQLExecutor
    ) async throws(DatabaseError) -> [OrderID: OrderStatus] {
        var statuses: [OrderID: OrderStatus] = [:]
        for row in try await executor.query("SELECT id, status FROM orders WHERE id IN (\(list: orders))") {
            statuses[try row.get("id")] = try row.choice("status")
        }
        return statuses
    }

    /// Up to where captured payments have been looked at; nil before the first time.
    func watermark(in executor: some SQLExecutor) async throws(DatabaseError) -> Timestamp? {
        try await executor.scalar("SELECT value FROM reconciler_state WHERE name = 'captured'")
    }

    func setWatermark(_ moment: Timestamp, in executor: some SQLExecutor) async throws(DatabaseError) {
        try await executor.execute(
            """
            INSERT INTO reconciler_state (name, value) VALUES ('captured', \(moment))
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """)
    }
}
