import SoukErrors
import SoukMoney

/// Why a request to the payment service can't be done.
enum PaymentError: SoukError, Hashable {
    /// No such payment, or none that this caller may see.
    case notFound
    case unknownProvider
    case notCaptured
    case notAuthorized
    case exceedsRemaining(Money)
    case nothingLeft
    case vendorNotInPayment
    case currencyMismatch(Currency)
    /// The key was used for another refund.
    case keyReused
    case vendorRequired
    case unknownVendor
    case webhookTooLarge

    var kind: ErrorKind {
        switch self {
        case .notFound, .unknownProvider, .unknownVendor: .notFound
        case .notCaptured, .notAuthorized, .exceedsRemaining, .nothingLeft: .conflict
        case .vendorNotInPayment, .currencyMismatch, .keyReused: .unprocessable
        case .vendorRequired: .forbidden
        case .webhookTooLarge: .tooLarge
        }
    }

    var code: String {
        switch self {
        case .notFound: "payment.not_found"
        case .unknownProvider: "payment.provider_unknown"
        case .notCaptured: "payment.not_captured"
        case .notAuthorized: "payment.not_authorized"
        case .exceedsRemaining: "refund.exceeds_remaining"
        case .nothingLeft: "refund.nothing_left"
        case .vendorNotInPayment: "refund.vendor_not_in_payment"
        case .currencyMismatch: "refund.currency_mismatch"
        case .keyReused: "idempotency_key.reused"
        case .vendorRequired: "vendor.required"
        case .unknownVendor: "vendor.not_found"
        case .webhookTooLarge: "request.too_large"
        }
    }

    var message: String {
        switch self {
        case .notFound: "There is no such payment."
        case .unknownProvider: "There is no such payment provider."
        case .notCaptured: "No money was taken for this payment."
        case .notAuthorized: "This payment is not authorized, so nothing can be captured."
        case .exceedsRemaining(let left): "Only \(left) of this payment can still be refunded."
        case .nothingLeft: "All of this payment was refunded already, or is about to be."
        case .vendorNotInPayment: "This vendor has no share in this payment."
        case .currencyMismatch(let currency): "This payment is in \(currency)."
        case .keyReused: "This key was used for another refund."
        case .vendorRequired: "Only vendors have a ledger."
        case .unknownVendor: "There is no such vendor."
        case .webhookTooLarge: "The webhook is too large."
        }
    }
}
