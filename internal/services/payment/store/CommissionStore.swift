import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime

/// A vendor whose commission differs from the default.
struct CommissionRate: Sendable, Hashable {
    let vendorID: VendorID
    let basisPoints: Int64
    let updatedBy: UserID
    let updatedAt: Timestamp
}

/// Reads and writes commission rates; a change holds for captures from then on.
struct CommissionStore: Sendable {
    /// Of vendors without a rate of their own.
    let defaultBasisPoints: Int64

    func basisPoints(
        of vendors: [VendorID], in reader: any SQLExecutor
    ) async throws(DatabaseError) -> [VendorID: Int64] {
        let rows = try await reader.query(
            "SELECT vendor_id, basis_points FROM commission_rates WHERE vendor_id IN (\(list: vendors))")
        var rates = Dictionary(
            vendors.map { ($0, defaultBasisPoints) }, uniquingKeysWith: { first, _ in first })
        for row in rows { rates[try row.get("vendor_id")] = try row.get("basis_points") }
        return rates
    }

    func list(_ page: PageRequest, in reader: any SQLExecutor) async throws(DatabaseError) -> Page<
        CommissionRate
    > {
        let total = try await reader.scalar("SELECT count(*) FROM commission_rates", as: Int.self)
        let rows = try await reader.query(
            """
            SELECT vendor_id, basis_points, updated_by, updated_at FROM commission_rates
            ORDER BY vendor_id LIMIT \(page.size) OFFSET \(page.offset)
            """)
        var rates: [CommissionRate] = []
        for row in rows {
            rates.append(
                CommissionRate(
                    vendorID: try row.get("vendor_id"), basisPoints: try row.get("basis_points"),
                    updatedBy: try row.get("updated_by"), updatedAt: try row.get("updated_at")))
        }
        return Page(items: rates, request: page, totalCount: total ?? 0)
    }

    func set(_ rate: CommissionRate, in writer: any SQLExecutor) async throws(DatabaseError) {
        try await writer.execute(
            """
            INSERT INTO commission_rates (vendor_id, basis_points, updated_by, updated_at)
            VALUES (\(rate.vendorID), \(rate.basisPoints), \(rate.updatedBy), \(rate.updatedAt))
            ON CONFLICT (vendor_id) DO UPDATE SET basis_points = excluded.basis_points,
                updated_by = excluded.updated_by, updated_at = excluded.updated_at
            """)
    }

    /// The default holds again.
    func remove(_ vendor: VendorID, in writer: any SQLExecutor) async throws(DatabaseError) {
        try await writer.execute("DELETE FROM commission_rates WHERE vendor_id = \(vendor)")
    }
}
