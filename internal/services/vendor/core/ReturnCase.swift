import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

/// A customer's wish to send something back, and what became of it.
struct ReturnCase: Sendable, Hashable {
    let id: ReturnID
    let vendorOrderID: VendorOrderID
    let orderID: OrderID
    /// The order's number, for people.
    let number: String
    let customerID: UserID
    let vendorID: VendorID
    let storeID: StoreID
    let status: ReturnStatus
    /// The customer's words.
    let reason: String
    /// The vendor's words; nil unless rejected.
    let rejectionReason: String?
    /// Whether the goods went back into stock; nil unless approved.
    let isRestocked: Bool?
    /// Frozen unit prices times quantities.
    let amount: Money
    let lines: [ReturnLine]
    let requestedAt: Timestamp
    let decidedAt: Timestamp?
}

struct ReturnLine: Sendable, Hashable {
    let lineID: OrderLineID
    let sku: String
    let title: String
    let quantity: Int
    let unitPrice: Money
    let amount: Money
}

enum ReturnStatus: String, CaseIterable, Sendable {
    case requested, approved, rejected

    /// The status after the vendor decided; nil when the same had been decided before.
    ///
    /// Throws: ``VendorError/illegalReturnDecision(_:_:)`` when the opposite had been decided.
    func deciding(_ decision: ReturnStatus) throws(VendorError) -> ReturnStatus? {
        if self == decision { return nil }
        guard self == .requested, decision != .requested else { throw .illegalReturnDecision(decision, self) }
        return decision
    }
}
