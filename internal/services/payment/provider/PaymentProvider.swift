package import HTTPTypes
package import SoukIdentifiers
package import SoukMoney
package import SoukTime

/// A company that takes money from customers for us. Calls leave the process: never make one inside a transaction.
///
/// Every mutation is idempotent by the key it carries, so a call whose answer was lost can simply be repeated.
/// Implementations are safe to use from any task.
package protocol PaymentProvider: Sendable {
    /// Lower-case, stable: part of the webhook's path and of the ledger's account names.
    var name: String { get }

    /// Opens a charge that the customer pays on the provider's page. Idempotent by `paymentID`.
    ///
    /// - Throws: `.refused` when the provider will never take this charge, `.unavailable`.
    func createCharge(_ request: ChargeRequest) async throws(ProviderError) -> ProviderCharge

    /// Takes the money of an authorized charge. Idempotent by `key`; a captured charge stays as it is.
    ///
    /// - Parameter amount: the whole amount of the charge.
    /// - Throws: `.refused` when the charge isn't authorized or the amount differs, `.unavailable`.
    func capture(_ reference: String, amount: Money, key: String) async throws(ProviderError)
        -> ProviderChargeState

    /// Ends a charge unless its money was taken, and gives its final state: captured means that the payment won.
    ///
    /// - Throws: `.refused` when the charge is unknown, `.unavailable`.
    func cancel(_ reference: String) async throws(ProviderError) -> ProviderChargeState

    /// Gives back a part of a captured charge. Idempotent by `refundID`.
    ///
    /// - Throws: `.refused` when the charge isn't captured or less than `amount` is left of it, `.unavailable`.
    func refund(_ reference: String, amount: Money, refundID: RefundID) async throws(ProviderError)

    /// The charge as the provider sees it now.
    ///
    /// - Throws: `.refused` when the charge is unknown, `.unavailable`.
    func lookup(_ reference: String) async throws(ProviderError) -> ProviderChargeState

    /// Proves that a webhook comes from the provider, and reads it.
    ///
    /// - Parameter rawBody: the body exactly as received; the signature covers these bytes.
    /// - Throws: `.signatureInvalid`, `.expired`, `.malformed`.
    func verifyWebhook(
        headers: HTTPFields, rawBody: [UInt8], now: Timestamp
    ) throws(WebhookError) -> ProviderEvent
}

/// When a paid charge's money is taken.
package enum CaptureMode: String, Sendable, CaseIterable {
    /// At once.
    case automatic
    /// Only authorized; taken by a later capture.
    case manual
}

/// What a provider needs to know to open a charge.
package struct ChargeRequest: Sendable, Hashable {
    package let paymentID: PaymentID
    package let orderID: OrderID
    /// Positive.
    package let amount: Money
    /// From then on the charge can't be paid.
    package let expiresAt: Timestamp
    /// Where the provider's page sends the customer afterwards; nil leaves them there.
    package let returnURL: String?
    package let capture: CaptureMode

    package init(
        paymentID: PaymentID, orderID: OrderID, amount: Money, expiresAt: Timestamp, returnURL: String?,
        capture: CaptureMode
    ) {
        self.paymentID = paymentID
        self.orderID = orderID
        self.amount = amount
        self.expiresAt = expiresAt
        self.returnURL = returnURL
        self.capture = capture
    }
}

/// A charge that was opened.
package struct ProviderCharge: Sendable, Hashable {
    /// The provider's name for it.
    package let reference: String
    /// Where the customer pays.
    package let payURL: String

    package init(reference: String, payURL: String) {
        self.reference = reference
        self.payURL = payURL
    }
}

/// A charge as its provider sees it.
package struct ProviderChargeState: Sendable, Hashable {
    package enum Status: String, Sendable, CaseIterable {
        case pending, authorized, captured, failed, expired, cancelled
    }

    package let reference: String
    package let status: Status
    /// The whole charge, whatever was captured of it.
    package let amount: Money
    /// Why it failed, as a short code; nil otherwise.
    package let failureReason: String?

    package init(reference: String, status: Status, amount: Money, failureReason: String? = nil) {
        self.reference = reference
        self.status = status
        self.amount = amount
        self.failureReason = failureReason
    }
}

/// Something that happened at a provider, as its webhook tells it. The signature has been checked.
package struct ProviderEvent: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case chargeAuthorized
        case chargeCaptured
        case chargeFailed(reason: String)
        case chargeCancelled
        /// One that changes nothing here, such as a refund that we asked for ourselves.
        case other
    }

    /// Unique at this provider; a repeated delivery carries the same one.
    package let id: String
    /// The provider's own name for the kind, kept for people.
    package let type: String
    package let kind: Kind
    /// Of the charge.
    package let reference: String
    /// Our payment, as the provider was told; nil when it doesn't say.
    package let paymentID: PaymentID?
    package let amount: Money
    package let occurredAt: Timestamp

    package init(
        id: String, type: String, kind: Kind, reference: String, paymentID: PaymentID?, amount: Money,
        occurredAt: Timestamp
    ) {
        self.id = id
        self.type = type
        self.kind = kind
        self.reference = reference
        self.paymentID = paymentID
        self.amount = amount
        self.occurredAt = occurredAt
    }
}
