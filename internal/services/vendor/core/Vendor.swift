import SoukIDs
import SoukIdentifiers
import SoukTime
import SoukVendorKernel

/// Somebody who sells on the marketplace: at most one per user.
struct Vendor: Sendable, Hashable {
    let id: VendorID
    let ownerID: UserID
    let name: String
    /// Unique among vendors.
    let slug: String
    let description: String?
    let status: VendorStatus
    /// Why the status is what it is, in an admin's words.
    let statusReason: String?
    /// Counts up with every change; the entity tag.
    let version: Int
    let createdAt: Timestamp
    let updatedAt: Timestamp

    /// Throws: ``VendorError/vendorNotActive(_:)`` unless the vendor may change its stores and stock.
    func checkSells() throws(VendorError) {
        guard status == .active else { throw .vendorNotActive(status) }
    }

    /// Throws: ``VendorError/vendorNotActive(_:)`` unless the vendor may change its profile, as one that still applies may.
    func checkIsEditable() throws(VendorError) {
        guard status == .active || status == .pending else { throw .vendorNotActive(status) }
    }

    /// The vendor as peers see it.
    var summary: VendorSummary {
        VendorSummary(id: id, ownerID: ownerID, name: name, status: status.inKernel)
    }
}

/// What a vendor may do. Only active vendors open and change stores and stock and take orders; a suspended one still reads all
/// that is its own, fulfils what was paid and decides returns.
enum VendorStatus: String, CaseIterable, Sendable {
    case pending, active, suspended, rejected

    var inKernel: VendorSummary.Status {
        switch self {
        case .pending: .pending
        case .active: .active
        case .suspended: .suspended
        case .rejected: .rejected
        }
    }

    /// The status that a decision leads to; nil when it is there already, so that a repeated decision does nothing.
    ///
    /// Throws: ``VendorError/illegalDecision(_:_:)``.
    func after(_ decision: VendorDecision) throws(VendorError) -> VendorStatus? {
        if self == decision.target { return nil }
        guard self == decision.source else { throw .illegalDecision(decision, self) }
        return decision.target
    }
}

/// What an admin decides about a vendor.
enum VendorDecision: String, CaseIterable, Sendable {
    case approve, reject, suspend, reinstate

    /// The one status it can be taken in.
    var source: VendorStatus {
        switch self {
        case .approve, .reject: .pending
        case .suspend: .active
        case .reinstate: .suspended
        }
    }

    var target: VendorStatus {
        switch self {
        case .approve, .reinstate: .active
        case .reject: .rejected
        case .suspend: .suspended
        }
    }
}

/// What a vendor may change of its account; nil leaves a value as it is.
struct VendorChanges: Sendable {
    var name: String?
    /// `.some(nil)` takes the description away.
    var description: String??
}

/// A place of a vendor's to buy from; stock is kept per store.
struct Store: Sendable, Hashable {
    let id: StoreID
    let vendorID: VendorID
    /// Unique among stores.
    let slug: String
    let name: String
    let description: String?
    let status: StoreStatus
    /// Counts up with every change; the entity tag.
    let version: Int
    let createdAt: Timestamp
    let updatedAt: Timestamp
}

enum StoreStatus: String, CaseIterable, Sendable {
    case open
    /// On vacation: shown, but nothing can be bought.
    case closed
}

/// What a vendor may change of a store; nil leaves a value as it is.
struct StoreChanges: Sendable {
    var name: String?
    /// `.some(nil)` takes the description away.
    var description: String??
    var status: StoreStatus?
}
