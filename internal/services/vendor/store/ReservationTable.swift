import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukTime

/// Holds on stock, and orders that must not get any more, in the database.
enum ReservationTable {
    /// Lets the transactions about one order take turns; before any row, so that a hold and its end can't miss each other.
    static func lock(_ order: OrderID, _ tx: any Transaction) async throws {
        try await tx.lock("order:\(order)")
    }

    static func insert(
        _ reservation: HeldStock, for holder: String, _ stock: StockQuantities, large: Set<StockKey>,
        at now: Timestamp, _ tx: any Transaction
    ) async throws {
        try await tx.execute(
            """
            INSERT INTO reservations (id, order_id, holder, state, is_large, expires_at, created_at, updated_at)
            VALUES (\(reservation.id), \(reservation.orderID), \(holder), \(reservation.state.rawValue),
                \(reservation.isLarge), \(reservation.expiresAt), \(now), \(now))
            """)
        for (key, quantity) in stock.entries {
            try await tx.execute(
                """
                INSERT INTO reservation_lines (reservation_id, store_id, sku, quantity, is_large)
                VALUES (\(reservation.id), \(key.storeID), \(key.sku), \(quantity), \(large.contains(key)))
                """)
        }
    }

    static func find(_ order: OrderID, _ db: any SQLExecutor) async throws -> HeldStock? {
        let row = try await db.first(
            """
            SELECT id, order_id, state, is_large, expires_at FROM reservations
            WHERE order_id = \(order)\(sql: db.forUpdate)
            """)
        return try row.map {
            HeldStock(
                id: try $0.get("id"), orderID: try $0.get("order_id"), state: try $0.choice("state"),
                isLarge: try $0.get("is_large"), expiresAt: try $0.get("expires_at"))
        }
    }

    static func lines(of reservations: [ReservationID], _ db: any SQLExecutor) async throws -> StockQuantities
    {
        let rows = try await db.query(
            """
            SELECT store_id, sku, quantity FROM reservation_lines
            WHERE reservation_id IN (\(list: reservations))
            """)
        return StockQuantities(
            try rows.map {
                (
                    StockKey(storeID: try $0.get("store_id"), sku: try $0.get("sku")),
                    try $0.get("quantity", as: Int.self)
                )
            })
    }

    /// Ends the order's hold and gives its id; nil if nothing is held. Only one caller gets the id, whoever races.
    static func end(
        _ order: OrderID, as state: ReservationState, at now: Timestamp, _ tx: any Transaction
    ) async throws -> ReservationID? {
        try await tx.first(
            """
            UPDATE reservations SET state = \(state.rawValue), updated_at = \(now)
            WHERE order_id = \(order) AND state = 'held' RETURNING id
            """
        ).map { try $0.get("id") }
    }

    static func isAnyDue(at now: Timestamp, _ db: any SQLExecutor) async throws -> Bool {
        try await db.first(
            "SELECT 1 AS due FROM reservations WHERE state = 'held' AND expires_at <= \(now) LIMIT 1") != nil
    }

    /// Ends up to `limit` holds that are past their time, the longest overdue first, and gives their ids.
    static func expire(at now: Timestamp, limit: Int, _ tx: any Transaction) async throws -> [ReservationID] {
        try await tx.query(
            """
            UPDATE reservations SET state = 'expired', updated_at = \(now)
            WHERE state = 'held' AND id IN (
                SELECT id FROM reservations WHERE state = 'held' AND expires_at <= \(now)
                ORDER BY expires_at, id LIMIT \(limit)\(sql: tx.forUpdateSkippingLocked))
            RETURNING id
            """
        ).map { try $0.get("id") }
    }

    /// What a holder has of each item, and how many of its large holds of it ended unpaid after `moment`.
    static func record(of holder: String, endedAfter moment: Timestamp, _ tx: any Transaction) async throws
        -> [StockKey: HolderRecord]
    {
        let rows = try await tx.query(
            """
            SELECT l.store_id, l.sku,
                CAST(SUM(CASE WHEN r.state = 'held' THEN l.quantity ELSE 0 END) AS BIGINT) AS held,
                CAST(SUM(CASE WHEN r.state = 'held' THEN 0 ELSE 1 END) AS BIGINT) AS given_up
            FROM reservations r JOIN reservation_lines l ON l.reservation_id = r.id
            WHERE r.holder = \(holder) AND (r.state = 'held'
                OR r.state IN ('released', 'expired') AND l.is_large = 1 AND r.updated_at > \(moment))
            GROUP BY l.store_id, l.sku
            """)
        return try Dictionary(
            rows.map { row in
                (
                    StockKey(storeID: try row.get("store_id"), sku: try row.get("sku")),
                    HolderRecord(held: try row.get("held"), givenUp: try row.get("given_up"))
                )
            }, uniquingKeysWith: { first, _ in first })
    }

    /// Forgets up to `limit` holds that ended unpaid before `moment`, and gives how many.
    static func purge(before moment: Timestamp, limit: Int, _ tx: any Transaction) async throws -> Int {
        let ids: [ReservationID] = try await tx.query(
            """
            SELECT id FROM reservations
            WHERE state IN ('released', 'expired') AND updated_at < \(moment) LIMIT \(limit)
            """
        ).map { try $0.get("id") }
        guard !ids.isEmpty else { return 0 }
        try await tx.execute("DELETE FROM reservation_lines WHERE reservation_id IN (\(list: ids))")
        return try await tx.execute("DELETE FROM reservations WHERE id IN (\(list: ids))")
    }

    /// Remembers that nothing of this order may be fulfilled.
    static func markCancelled(_ order: OrderID, at now: Timestamp, _ tx: any Transaction) async throws {
        try await tx.execute(
            """
            INSERT INTO cancelled_orders (order_id, created_at) VALUES (\(order), \(now))
            ON CONFLICT (order_id) DO NOTHING
            """)
    }

    static func isCancelled(_ order: OrderID, _ db: any SQLExecutor) async throws -> Bool {
        try await db.first("SELECT 1 AS cancelled FROM cancelled_orders WHERE order_id = \(order)") != nil
    }
}
