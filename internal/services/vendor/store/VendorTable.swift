import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime
import SoukText

/// Vendors in the database.
enum VendorTable {
    private static let columns: SQL =
        "id, owner_id, name, slug, description, status, status_reason, version, created_at, updated_at"

    static func insert(_ vendor: Vendor, _ tx: any Transaction) async throws {
        try await tx.execute(
            """
            INSERT INTO vendors (\(sql: columns)) VALUES (
                \(vendor.id), \(vendor.ownerID), \(vendor.name), \(vendor.slug), \(vendor.description),
                \(vendor.status.rawValue), \(vendor.statusReason), \(vendor.version), \(vendor.createdAt),
                \(vendor.updatedAt))
            """)
    }

    /// Writes what can change of a vendor.
    static func update(_ vendor: Vendor, _ tx: any Transaction) async throws {
        try await tx.execute(
            """
            UPDATE vendors SET name = \(vendor.name), description = \(vendor.description),
                status = \(vendor.status.rawValue), status_reason = \(vendor.statusReason),
                version = \(vendor.version), updated_at = \(vendor.updatedAt)
            WHERE id = \(vendor.id)
            """)
    }

    static func find(_ id: VendorID, _ db: any SQLExecutor, locking: Bool = false) async throws -> Vendor? {
        try await one("id = \(id)", db, locking)
    }

    static func find(ownedBy user: UserID, _ db: any SQLExecutor, locking: Bool = false) async throws
        -> Vendor?
    {
        try await one("owner_id = \(user)", db, locking)
    }

    /// The vendor, which stays as it is until the transaction's end.
    static func hold(_ id: VendorID, _ tx: any Transaction) async throws -> Vendor? {
        try await tx.first("SELECT \(sql: columns) FROM vendors WHERE id = \(id)\(sql: tx.forShare)").map(
            vendor)
    }

    static func isSlugTaken(_ slug: String, _ db: any SQLExecutor) async throws -> Bool {
        try await db.first("SELECT 1 AS taken FROM vendors WHERE slug = \(slug)") != nil
    }

    static func list(_ ids: [VendorID], _ db: any SQLExecutor) async throws -> [Vendor] {
        guard !ids.isEmpty else { return [] }
        return try await db.query("SELECT \(sql: columns) FROM vendors WHERE id IN (\(list: ids))").map(
            vendor)
    }

    static func list(ownedBy users: [UserID], _ db: any SQLExecutor) async throws -> [Vendor] {
        guard !users.isEmpty else { return [] }
        return try await db.query("SELECT \(sql: columns) FROM vendors WHERE owner_id IN (\(list: users))")
            .map(vendor)
    }

    /// By name; those whose name contains `text`, if given.
    static func page(
        _ request: PageRequest, status: VendorStatus?, containing text: String?, _ db: any SQLExecutor
    ) async throws -> Page<Vendor> {
        var conditions: [SQL] = []
        if let status { conditions.append("status = \(status.rawValue)") }
        if let text {
            // check-text: words for people, in any script
            let pattern = SQLText.pattern(containing: text.lowercased())
            conditions.append("LOWER(name) LIKE \(pattern) ESCAPE '\\'")
        }
        return try await db.page(
            request, select: columns, from: "vendors", where: conditions, orderBy: "name, id", vendor)
    }

    private static func one(_ condition: SQL, _ db: any SQLExecutor, _ locking: Bool) async throws -> Vendor?
    {
        let lock = locking ? db.forUpdate : ""
        return try await db.first("SELECT \(sql: columns) FROM vendors WHERE \(sql: condition)\(sql: lock)")
            .map(vendor)
    }

    private static func vendor(_ row: Row) throws -> Vendor {
        Vendor(
            id: try row.get("id"), ownerID: try row.get("owner_id"), name: try row.get("name"),
            slug: try row.get("slug"), description: try row.get("description"),
            status: try row.choice("status"),
            statusReason: try row.get("status_reason"), version: try row.get("version"),
            createdAt: try row.get("created_at"), updatedAt: try row.get("updated_at"))
    }
}
