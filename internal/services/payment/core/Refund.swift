import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

/// Money on its way back to a customer.
struct Refund: Sendable, Hashable {
    enum State: String, Sendable, CaseIterable {
        /// Its amount is reserved; the provider will be asked, or asked again.
        case pending
        case succeeded
        /// The provider said no for good, or there was nothing to give back; nothing is reserved.
        case failed
    }

    /// The part that one vendor bears.
    struct Part: Sendable, Hashable {
        let vendorID: VendorID
        let amount: Money
        /// What the marketplace gives back of its commission; zero until succeeded.
        let commissionReversed: Money
    }

    let id: RefundID
    let paymentID: PaymentID
    let orderID: OrderID
    /// What it is for, once: `return:<id>`, `order-cancel:<order>` or an admin's key.
    let key: String
    let amount: Money
    let reason: String
    let returnID: ReturnID?
    let state: State
    /// A short code; nil unless failed.
    let failure: String?
    let attempts: Int
    let createdAt: Timestamp
    let completedAt: Timestamp?
}

/// What somebody wants given back.
struct RefundRequest: Sendable, Hashable {
    enum Amount: Sendable, Hashable {
        /// All that is left.
        case remaining
        /// Exactly so much, or an error.
        case exactly(Money)
        /// So much, or what is left of it.
        case atMost(Money)
    }

    let key: String
    let amount: Amount
    /// The vendor who bears it; nil spreads it over all of them in proportion to what each has left.
    let vendorID: VendorID?
    let reason: String
    let returnID: ReturnID?

    static func orderCancelled(_ order: OrderID, reason: String) -> RefundRequest {
        RefundRequest(
            key: "order-cancel:\(order)", amount: .remaining, vendorID: nil, reason: reason, returnID: nil)
    }
}

/// Divides a refund among the shares of a payment.
enum RefundSplit {
    struct Plan: Sendable, Hashable {
        let amount: Money
        /// Positive amounts that sum to `amount`, none above what its share has left.
        let parts: [VendorID: Money]
    }

    /// - Parameters:
    ///   - shares: of the captured payment, in a stable order; at least one.
    ///   - currency: of the payment.
    /// - Throws: `.vendorNotInPayment`, `.currencyMismatch`, `.exceedsRemaining` for an exact amount above what is
    ///   left, `.nothingLeft`.
    static func plan(
        _ request: RefundRequest, over shares: [IntentShare], currency: Currency
    ) throws -> Plan {
        let bearing = shares.filter { request.vendorID == nil || $0.vendorID == request.vendorID }
        guard !bearing.isEmpty else { throw PaymentError.vendorNotInPayment }
        let remaining = try Money.sum(bearing.map(\.refundable), in: currency)
        let amount: Money
        switch request.amount {
        case .remaining:
            amount = remaining
        case .exactly(let wanted):
            guard wanted.currency == currency else { throw PaymentError.currencyMismatch(currency) }
            guard wanted.amount <= remaining.amount else { throw PaymentError.exceedsRemaining(remaining) }
            amount = wanted
        case .atMost(let wanted):
            guard wanted.currency == currency else { throw PaymentError.currencyMismatch(currency) }
            amount = Money(min(wanted.amount, remaining.amount), currency)
        }
        guard amount.amount > 0 else { throw PaymentError.nothingLeft }
        // Largest remainders never give a part more than its weight rounded up, so none exceeds what is left.
        let allocated = try amount.allocate(weights: bearing.map(\.refundable.amount))
        let parts = zip(bearing.map(\.vendorID), allocated).filter { !$0.1.isZero }
        return Plan(amount: amount, parts: Dictionary(uniqueKeysWithValues: parts))
    }
}
