import SoukCallContext
import SoukIdentifiers
import SoukVendorKernel

/// Which vendor a caller acts for, asked of the vendor service each time: a suspension holds from its commit on.
struct VendorDirectory: Sendable {
    let vendors: any VendorKernel

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
        try await vendors.vendors(ownedBy: [principal.userID], context)[principal.userID]
    }
}
