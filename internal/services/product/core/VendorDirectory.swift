import SoukCallContext
import SoukIDs
import SoukIdentifiers
import SoukTime
import SoukVendorKernel
import Synchronization

/// Which vendor a caller acts for, asked of the vendor service and remembered for a few seconds.
///
/// Only active vendors are remembered: who has just been approved can go to work at once, and a suspension shows
/// after ``lifetime`` at the latest. Safe from any task; concurrent questions about one user may be asked twice.
final class VendorDirectory: Sendable {
    static let lifetime = Duration.seconds(5)
    /// Beyond it everything is forgotten.
    static let capacity = 10_000

    private struct Entry {
        let vendor: VendorSummary
        let until: Timestamp
    }

    private let vendors: any VendorKernel
    private let clock: any WallClock
    private let entries = Mutex<[UserID: Entry]>([:])

    init(vendors: any VendorKernel, clock: any WallClock) {
        self.vendors = vendors
        self.clock = clock
    }

    /// The active vendor of the caller.
    ///
    /// - Throws: ``ProductError/vendorRequired``; `VendorKernelError.unavailable`.
    func activeVendor(of principal: Principal, _ context: CallContext) async throws -> VendorID {
        guard let vendor = try await vendor(of: principal, context), vendor.status == .active else {
            throw ProductError.vendorRequired
        }
        return vendor.id
    }

    /// The vendor that the caller owns, whatever its status.
    ///
    /// - Throws: `VendorKernelError.unavailable`.
    func vendor(of principal: Principal, _ context: CallContext) async throws -> VendorSummary? {
        let user = principal.userID
        let now = clock.now()
        let known = entries.withLock { $0[user] }
        if let known, now < known.until { return known.vendor }
        guard let vendor = try await vendors.vendors(ownedBy: [user], context)[user] else { return nil }
        if vendor.status == .active {
            entries.withLock { entries in
                if entries.count >= Self.capacity { entries.removeAll(keepingCapacity: true) }
                entries[user] = Entry(vendor: vendor, until: now + Self.lifetime)
            }
        }
        return vendor
    }
}
