import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime

/// Stores in the database.
enum StoreTable {
    private static let columns: SQL =
        """
        stores.id, stores.vendor_id, stores.slug, stores.name, stores.description, stores.status, stores.version,
        stores.created_at, stores.updated_at
        """
    private static let withVendor: SQL = "stores JOIN vendors ON vendors.id = stores.vendor_id"

    static func insert(_ store: Store, _ tx: any Transaction) async throws {
        try await tx.execute(
            """
            INSERT INTO stores
                (id, vendor_id, slug, name, description, status, version, created_at, updated_at)
            VALUES (\(store.id), \(store.vendorID), \(store.slug), \(store.name), \(store.description),
                \(store.status.rawValue), \(store.version), \(store.createdAt), \(store.updatedAt))
            """)
    }

    /// Writes what can change of a store.
    static func update(_ store: Store, _ tx: any Transaction) async throws {
        try await tx.execute(
            """
            UPDATE stores SET name = \(store.name), description = \(store.description),
                status = \(store.status.rawValue), version = \(store.version), updated_at = \(store.updatedAt)
            WHERE id = \(store.id)
            """)
    }

    static func count(of vendor: VendorID, _ db: any SQLExecutor) async throws -> Int {
        try await db.scalar("SELECT COUNT(*) FROM stores WHERE vendor_id = \(vendor)") ?? 0
    }

    static func isSlugTaken(_ slug: String, _ db: any SQLExecutor) async throws -> Bool {
        try await db.first("SELECT 1 AS taken FROM stores WHERE slug = \(slug)") != nil
    }

    static func find(_ id: StoreID, _ db: any SQLExecutor) async throws -> Store? {
        try await db.first("SELECT \(sql: columns) FROM stores WHERE id = \(id)").map(store)
    }

    /// The store if this user's vendor has it.
    static func find(
        _ id: StoreID, ownedBy user: UserID, _ db: any SQLExecutor, locking: Bool = false
    ) async throws -> Store? {
        let lock = locking ? db.forUpdate(of: "stores") : ""
        return try await db.first(
            """
            SELECT \(sql: columns) FROM \(sql: withVendor)
            WHERE stores.id = \(id) AND vendors.owner_id = \(user)\(sql: lock)
            """
        ).map(store)
    }

    /// The store if its vendor is active, whether it is open or on vacation.
    static func findVisible(_ id: StoreID, _ db: any SQLExecutor) async throws -> Store? {
        try await db.first(
            "SELECT \(sql: columns) FROM \(sql: withVendor) WHERE stores.id = \(id) AND vendors.status = 'active'"
        ).map(store)
    }

    /// Which of these stores sell now: open, and their vendors active.
    static func selling(_ ids: [StoreID], _ db: any SQLExecutor) async throws -> Set<StoreID> {
        let rows = try await db.query(
            """
            SELECT stores.id AS id FROM \(sql: withVendor)
            WHERE stores.id IN (\(list: ids)) AND stores.status = 'open' AND vendors.status = 'active'
            """)
        return Set(try rows.map { try $0.get("id", as: StoreID.self) })
    }

    /// Stores that sell now, by name.
    static func selling(
        _ request: PageRequest, vendor: VendorID?, _ db: any SQLExecutor
    ) async throws -> Page<Store> {
        var conditions: [SQL] = ["stores.status = 'open'", "vendors.status = 'active'"]
        if let vendor { conditions.append("stores.vendor_id = \(vendor)") }
        return try await db.page(
            request, select: columns, from: withVendor, where: conditions, orderBy: "stores.name, stores.id",
            store)
    }

    /// All stores of a vendor, oldest first.
    static func page(
        _ request: PageRequest, of vendor: VendorID, _ db: any SQLExecutor
    ) async throws -> Page<Store> {
        try await db.page(
            request, select: columns, from: "stores", where: ["vendor_id = \(vendor)"], orderBy: "id", store)
    }

    private static func store(_ row: Row) throws -> Store {
        Store(
            id: try row.get("id"), vendorID: try row.get("vendor_id"), slug: try row.get("slug"),
            name: try row.get("name"), description: try row.get("description"),
            status: try row.choice("status"),
            version: try row.get("version"), createdAt: try row.get("created_at"),
            updatedAt: try row.get("updated_at"))
    }
}
