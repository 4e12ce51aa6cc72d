import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukTime

/// How many entries of a store's journal its vendor caused by hand on each day (UTC).
enum StockChangeTable {
    private static let dayMicroseconds: Int64 = 86_400_000_000

    /// Days since 1970.
    static func day(of moment: Timestamp) -> Int64 { moment.microseconds / dayMicroseconds }

    static func start(of day: Int64) -> Timestamp { Timestamp(microseconds: day * dayMicroseconds) }

    /// Adds to a day's number, and gives it.
    static func add(
        _ changes: Int, of store: StoreID, on day: Int64, _ tx: any Transaction
    ) async throws -> Int {
        try await tx.scalar(
            """
            INSERT INTO stock_changes (store_id, day, changes) VALUES (\(store), \(day), \(changes))
            ON CONFLICT (store_id, day) DO UPDATE SET changes = stock_changes.changes + excluded.changes
            RETURNING changes
            """) ?? changes
    }

    /// Forgets the numbers of days before this one.
    static func purge(before day: Int64, _ db: any Database) async throws {
        try await db.execute("DELETE FROM stock_changes WHERE day < \(day)", isolation: .readCommitted)
    }
}
