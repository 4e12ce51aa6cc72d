import SoukIdentifiers
import SoukMoney
import SoukPayment
import SoukTime

/// A charge in the sandbox's own books.
struct Charge: Sendable, Hashable {
    let reference: String
    let paymentID: PaymentID
    let orderID: OrderID
    /// Opens the pay page: whoever has it may pay. 256 random bits.
    let token: String
    /// In every form of the pay page, so that no other site can send one.
    let formNonce: String
    let amount: Money
    let status: ProviderChargeState.Status
    let failureReason: String?
    /// Zero, or all of `amount`.
    let captured: Money
    let refunded: Money
    let capture: CaptureMode
    let returnURL: String?
    let expiresAt: Timestamp

    /// The charge as the marketplace sees it.
    var providerState: ProviderChargeState {
        ProviderChargeState(
            reference: reference, status: status, amount: amount, failureReason: failureReason)
    }
}

/// What a customer decides on the pay page.
enum PayOutcome: String, Sendable, CaseIterable {
    case success, decline
}
