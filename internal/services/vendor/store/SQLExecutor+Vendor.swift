import SoukDatabase
import SoukPagination
import SoukTime

extension SQLExecutor {
    /// One page of a list and the size of the whole. Run it in a snapshot, so that the two agree.
    func page<Item: Sendable>(
        _ request: PageRequest, select columns: SQL, from tables: SQL, where conditions: [SQL],
        orderBy order: SQL,
        _ item: (Row) throws -> Item
    ) async throws -> Page<Item> {
        let filter = conditions.isEmpty ? SQL(raw: "") : " WHERE " + conditions.joined(separator: " AND ")
        let total = try await scalar("SELECT COUNT(*) FROM \(sql: tables)\(sql: filter)", as: Int.self) ?? 0
        guard request.offset < total else { return Page(items: [], request: request, totalCount: total) }
        let rows = try await query(
            """
            SELECT \(sql: columns) FROM \(sql: tables)\(sql: filter)
            ORDER BY \(sql: order) LIMIT \(request.size) OFFSET \(request.offset)
            """)
        return Page(items: try rows.map(item), request: request, totalCount: total)
    }
}

/// What requests with an idempotency key led to, kept beside what they changed: a retry after a crash finds the
/// result even if the saved HTTP answer was lost.
enum AppliedRequestTable {
    /// - Parameter scope: The operation and the thing it works on; keys of different scopes don't meet.
    static func result(of key: String, in scope: String, _ db: any SQLExecutor) async throws -> String? {
        try await db.scalar(
            "SELECT result FROM applied_requests WHERE scope = \(scope) AND request_key = \(key)")
    }

    static func record(
        _ key: String, in scope: String, result: String, at now: Timestamp, _ tx: any Transaction
    ) async throws {
        try await tx.execute(
            """
            INSERT INTO applied_requests (scope, request_key, result, created_at)
            VALUES (\(scope), \(key), \(result), \(now))
            """)
    }

    static func purge(before: Timestamp, _ db: any Database) async throws {
        try await db.executeInBatches(of: 1_000) {
            """
            DELETE FROM applied_requests WHERE (scope, request_key) IN (
                SELECT scope, request_key FROM applied_requests WHERE created_at < \(before) LIMIT 1000)
            """
        }
    }
}
