import SoukDatabase
import SoukIdentifiers
import SoukTime

/// Which vendors' products are off the shelf whatever their own status.
extension SQLProductStore {
    /// Holds for products of vendors that may sell.
    static let isOnShelf: SQL = "vendor_id NOT IN (SELECT vendor_id FROM vendors_off_shelf)"

    func isOnShelf(_ vendor: VendorID) async throws -> Bool {
        try await database.first("SELECT 1 FROM vendors_off_shelf WHERE vendor_id = \(vendor)") == nil
    }

    func takeOffShelf(_ vendor: VendorID, at now: Timestamp, in tx: any Transaction) async throws {
        changes.note(in: tx)
        try await tx.execute(
            "INSERT INTO vendors_off_shelf (vendor_id, since) VALUES (\(vendor), \(now)) ON CONFLICT DO NOTHING"
        )
    }

    func putOnShelf(_ vendor: VendorID, in tx: any Transaction) async throws {
        changes.note(in: tx)
        try await tx.execute("DELETE FROM vendors_off_shelf WHERE vendor_id = \(vendor)")
    }
}
