import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime
import SoukVendorKernel

/// Stock per store and SKU in the database. Changes are guarded single statements: whoever comes second sees what the
/// first one left, so stock can't be sold twice whatever runs at the same time.
enum StockTable {
    private static let columns: SQL =
        "store_id, sku, on_hand, reserved, low_stock_threshold, low_alerted, updated_at"

    /// Holds so many if they are available, and gives how many are on hand; nil otherwise.
    static func hold(_ key: StockKey, _ quantity: Int, at now: Timestamp, _ tx: any Transaction) async throws
        -> Int?
    {
        try await tx.scalar(
            """
            UPDATE inventory SET reserved = reserved + \(quantity), updated_at = \(now)
            WHERE store_id = \(key.storeID) AND sku = \(key.sku) AND on_hand - reserved >= \(quantity)
            RETURNING on_hand
            """)
    }

    /// Lets go of a hold. `forSale` says that the same is taken next, so that nothing becomes available in between and
    /// a low-stock alert stands.
    static func unhold(
        _ key: StockKey, _ quantity: Int, forSale: Bool, at now: Timestamp, _ tx: any Transaction
    ) async throws {
        let rearm: SQL =
            forSale
            ? ""
            : """
            , low_alerted = CASE WHEN on_hand - reserved + \(quantity) > low_stock_threshold THEN 0 \
            ELSE low_alerted END
            """
        try await tx.execute(
            """
            UPDATE inventory SET reserved = reserved - \(quantity), updated_at = \(now)\(sql: rearm)
            WHERE store_id = \(key.storeID) AND sku = \(key.sku)
            """)
    }

    /// Takes so many off the shelf if nobody holds them, and gives what is left; nil otherwise.
    static func take(
        _ key: StockKey, _ quantity: Int, at now: Timestamp, _ tx: any Transaction
    ) async throws -> StockItem? {
        try await tx.first(
            """
            UPDATE inventory SET on_hand = on_hand - \(quantity), updated_at = \(now)
            WHERE store_id = \(key.storeID) AND sku = \(key.sku) AND on_hand - reserved >= \(quantity)
            RETURNING \(sql: columns)
            """
        ).map(item)
    }

    /// Puts so many onto the shelf.
    static func put(_ key: StockKey, _ quantity: Int, at now: Timestamp, _ tx: any Transaction) async throws {
        try await tx.execute(
            """
            UPDATE inventory SET on_hand = on_hand + \(quantity), updated_at = \(now),
                low_alerted = CASE WHEN on_hand - reserved + \(quantity) > low_stock_threshold THEN 0
                    ELSE low_alerted END
            WHERE store_id = \(key.storeID) AND sku = \(key.sku)
            """)
    }

    /// Remembers that the vendor knows of the shortage; false if that was so before.
    static func markAlerted(_ key: StockKey, _ tx: any Transaction) async throws -> Bool {
        try await tx.execute(
            """
            UPDATE inventory SET low_alerted = 1
            WHERE store_id = \(key.storeID) AND sku = \(key.sku) AND low_alerted = 0
            """) == 1
    }

    /// Writes the number on hand and the threshold of an item, new or known. One that starts low was never otherwise,
    /// and raises no alert.
    static func write(_ item: StockItem, _ tx: any Transaction) async throws {
        try await tx.execute(
            """
            INSERT INTO inventory (\(sql: columns)) VALUES (
                \(item.key.storeID), \(item.key.sku), \(item.onHand), \(item.reserved),
                \(item.lowStockThreshold), \(item.isLow), \(item.updatedAt))
            ON CONFLICT (store_id, sku) DO UPDATE SET on_hand = excluded.on_hand,
                low_stock_threshold = excluded.low_stock_threshold, updated_at = excluded.updated_at,
                low_alerted = CASE WHEN excluded.on_hand - inventory.reserved > excluded.low_stock_threshold
                    THEN 0 ELSE inventory.low_alerted END
            """)
    }

    static func find(_ key: StockKey, _ db: any SQLExecutor, locking: Bool = false) async throws -> StockItem?
    {
        try await find([key.sku], in: key.storeID, db, locking: locking)[key.sku]
    }

    /// The items of these SKUs, by SKU; unknown ones are left out.
    static func find(
        _ skus: [String], in store: StoreID, _ db: any SQLExecutor, locking: Bool = false
    ) async throws -> [String: StockItem] {
        let lock = locking ? db.forUpdate : ""
        let rows = try await db.query(
            """
            SELECT \(sql: columns) FROM inventory
            WHERE store_id = \(store) AND sku IN (\(list: skus)) ORDER BY sku\(sql: lock)
            """)
        return Dictionary(try rows.map(item).map { ($0.key.sku, $0) }) { first, _ in first }
    }

    static func count(in store: StoreID, _ db: any SQLExecutor) async throws -> Int {
        try await db.scalar("SELECT COUNT(*) FROM inventory WHERE store_id = \(store)") ?? 0
    }

    static func page(
        _ request: PageRequest, of store: StoreID, sku: String?, lowOnly: Bool, _ db: any SQLExecutor
    ) async throws -> Page<StockItem> {
        var conditions: [SQL] = ["store_id = \(store)"]
        if let sku { conditions.append("sku = \(sku)") }
        if lowOnly { conditions.append("on_hand - reserved <= low_stock_threshold") }
        return try await db.page(
            request, select: columns, from: "inventory", where: conditions, orderBy: "sku", item)
    }

    /// What stores that sell now have of a vendor's SKUs.
    static func offers(_ skus: [String], of vendor: VendorID, _ db: any SQLExecutor) async throws
        -> [StockOffer]
    {
        let rows = try await db.query(
            """
            SELECT stores.id AS store_id, stores.name AS store_name, inventory.sku AS sku,
                inventory.on_hand - inventory.reserved AS available
            FROM stores
            JOIN vendors ON vendors.id = stores.vendor_id
            JOIN inventory ON inventory.store_id = stores.id
            WHERE vendors.id = \(vendor) AND vendors.status = 'active' AND stores.status = 'open'
                AND inventory.sku IN (\(list: skus))
            """)
        return try rows.map {
            StockOffer(
                vendorID: vendor, sku: try $0.get("sku"), storeID: try $0.get("store_id"),
                storeName: try $0.get("store_name"), available: try $0.get("available"))
        }
    }

    private static func item(_ row: Row) throws -> StockItem {
        StockItem(
            key: StockKey(storeID: try row.get("store_id"), sku: try row.get("sku")),
            onHand: try row.get("on_hand"), reserved: try row.get("reserved"),
            lowStockThreshold: try row.get("low_stock_threshold"), isLowAlerted: try row.get("low_alerted"),
            updatedAt: try row.get("updated_at"))
    }
}
