import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime

/// The journal of stock in the database: written with every change of the number on hand, never altered.
enum MovementTable {
    private static let columns: SQL = "id, store_id, sku, delta, reason, reference, note, created_at"

    static func insert(_ movement: StockMovement, _ tx: any Transaction) async throws {
        try await tx.execute(
            """
            INSERT INTO inventory_movements (\(sql: columns)) VALUES (
                \(movement.id), \(movement.key.storeID), \(movement.key.sku), \(movement.delta),
                \(movement.reason.rawValue), \(movement.reference), \(movement.note), \(movement.createdAt))
            """)
    }

    /// Newest first.
    static func page(
        _ request: PageRequest, of store: StoreID, sku: String?, _ db: any SQLExecutor
    ) async throws -> Page<StockMovement> {
        var conditions: [SQL] = ["store_id = \(store)"]
        if let sku { conditions.append("sku = \(sku)") }
        return try await db.page(
            request, select: columns, from: "inventory_movements", where: conditions, orderBy: "id DESC"
        ) {
            StockMovement(
                id: try $0.get("id"), key: StockKey(storeID: try $0.get("store_id"), sku: try $0.get("sku")),
                delta: try $0.get("delta"), reason: try $0.choice("reason"),
                reference: try $0.get("reference"),
                note: try $0.get("note"), createdAt: try $0.get("created_at"))
        }
    }

    /// The books of every store, oldest store first.
    static func summary(_ request: PageRequest, _ db: any SQLExecutor) async throws -> Page<StockSummary> {
        let stores = try await db.page(
            request, select: "id, vendor_id, name", from: "stores", where: [], orderBy: "id"
        ) { row in
            (
                id: try row.get("id", as: StoreID.self),
                vendorID: try row.get("vendor_id", as: VendorID.self),
                name: try row.get("name", as: String.self)
            )
        }
        let ids = stores.items.map(\.id)
        var stock: [StoreID: (skus: Int, onHand: Int, reserved: Int)] = [:]
        for row in try await db.query(
            """
            SELECT store_id, COUNT(*) AS skus, CAST(SUM(on_hand) AS BIGINT) AS on_hand,
                CAST(SUM(reserved) AS BIGINT) AS reserved
            FROM inventory WHERE store_id IN (\(list: ids)) GROUP BY store_id
            """)
        {
            stock[try row.get("store_id")] = (
                try row.get("skus"), try row.get("on_hand"), try row.get("reserved")
            )
        }
        var movements: [StoreID: [String: Int]] = [:]
        for row in try await db.query(
            """
            SELECT store_id, reason, CAST(SUM(delta) AS BIGINT) AS delta
            FROM inventory_movements WHERE store_id IN (\(list: ids)) GROUP BY store_id, reason
            """)
        {
            movements[try row.get("store_id"), default: [:]][try row.get("reason")] = try row.get(
                "delta", as: Int.self)
        }
        return stores.map { store in
            let (skus, onHand, reserved) = stock[store.id] ?? (0, 0, 0)
            let reasons = movements[store.id] ?? [:]
            return StockSummary(
                storeID: store.id, vendorID: store.vendorID, storeName: store.name, skus: skus,
                onHand: onHand,
                reserved: reserved, movements: reasons.values.reduce(0, +), movementsByReason: reasons)
        }
    }
}
