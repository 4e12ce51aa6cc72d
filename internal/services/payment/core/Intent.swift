import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTime

/// A payment intent: one order's payment through its whole life.
struct Intent: Sendable, Hashable {
    let id: PaymentID
    let orderID: OrderID
    let customerID: UserID
    let amount: Money
    /// Zero until captured, then `amount`.
    let captured: Money
    /// Given back for certain.
    let refunded: Money
    /// Given back or about to be: pending refunds included. `refunded` ≤ this ≤ `captured`.
    let refundReserved: Money
    let state: PaymentIntent.State
    /// A short code such as `declined`; nil unless failed.
    let failureReason: String?
    let provider: String
    /// The provider's charge; nil until it was opened.
    let reference: String?
    let payURL: String?
    /// Whether all of it is to go back as soon as it is captured.
    let refundsOnCapture: Bool
    /// How often the reconciler has asked the provider in vain.
    let checks: Int
    let expiresAt: Timestamp
    let createdAt: Timestamp
    let capturedAt: Timestamp?

    /// The intent as peers see it.
    var kernelValue: PaymentIntent {
        PaymentIntent(
            id: id, orderID: orderID, customerID: customerID, amount: amount, refunded: refunded,
            state: state,
            payURL: openPayURL, capturedAt: capturedAt)
    }

    /// Where the customer pays; nil once nothing is left to pay.
    var openPayURL: String? { state == .pending ? payURL : nil }
}

/// One vendor's share of an intent.
struct IntentShare: Sendable, Hashable {
    let vendorID: VendorID
    let gross: Money
    /// Frozen at capture; zero before.
    let commission: Money
    /// The rate it was frozen at; nil before capture.
    let basisPoints: Int64?
    /// Given back for certain.
    let refunded: Money
    /// Given back or about to be. `refunded` ≤ this ≤ `gross`.
    let refundReserved: Money
    /// How much of the commission was given back with the refunds.
    let commissionReversed: Money

    /// What a new refund may take from this share.
    var refundable: Money { Money(gross.amount - refundReserved.amount, gross.currency) }
}
