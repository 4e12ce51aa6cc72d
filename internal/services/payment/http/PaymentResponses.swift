import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTime

/// A payment as its customer sees it.
struct PaymentResponse: Encodable, Sendable {
    let id: PaymentID
    let orderId: OrderID
    let amount: Money
    let refunded: Money
    let state: String
    /// Only while the payment is pending.
    let payUrl: String?
    /// Only once it has failed.
    let failureReason: String?
    let expiresAt: Timestamp
    let createdAt: Timestamp
    let capturedAt: Timestamp?

    init(_ intent: Intent) {
        id = intent.id
        orderId = intent.orderID
        amount = intent.amount
        refunded = intent.refunded
        state = intent.state.rawValue
        payUrl = intent.openPayURL
        failureReason = intent.failureReason
        expiresAt = intent.expiresAt
        createdAt = intent.createdAt
        capturedAt = intent.capturedAt
    }
}

/// A payment in an admin's list.
struct AdminPaymentResponse: Encodable, Sendable {
    let id: PaymentID
    let orderId: OrderID
    let customerId: UserID
    let amount: Money
    let refunded: Money
    /// Pending refunds included.
    let refundReserved: Money
    let state: String
    let failureReason: String?
    let provider: String
    /// The provider's name for the charge.
    let providerReference: String?
    let expiresAt: Timestamp
    let createdAt: Timestamp
    let capturedAt: Timestamp?

    init(_ intent: Intent) {
        id = intent.id
        orderId = intent.orderID
        customerId = intent.customerID
        amount = intent.amount
        refunded = intent.refunded
        refundReserved = intent.refundReserved
        state = intent.state.rawValue
        failureReason = intent.failureReason
        provider = intent.provider
        providerReference = intent.reference
        expiresAt = intent.expiresAt
        createdAt = intent.createdAt
        capturedAt = intent.capturedAt
    }
}

/// A payment with all that belongs to it, in one flat object.
struct AdminPaymentDetailResponse: Encodable, Sendable {
    let payment: AdminPaymentResponse
    let shares: [ShareResponse]
    let refunds: [RefundResponse]

    private enum CodingKeys: CodingKey { case shares, refunds }

    func encode(to encoder: any Encoder) throws {
        try payment.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(shares, forKey: .shares)
        try container.encode(refunds, forKey: .refunds)
    }
}

struct ShareResponse: Encodable, Sendable {
    let vendorId: VendorID
    let gross: Money
    let commission: Money
    let commissionBasisPoints: Int64?
    let refunded: Money
    let commissionReversed: Money

    init(_ share: IntentShare) {
        vendorId = share.vendorID
        gross = share.gross
        commission = share.commission
        commissionBasisPoints = share.basisPoints
        refunded = share.refunded
        commissionReversed = share.commissionReversed
    }
}

struct RefundResponse: Encodable, Sendable {
    let id: RefundID
    let paymentId: PaymentID
    let orderId: OrderID
    let amount: Money
    let reason: String
    let returnId: ReturnID?
    let state: String
    let failureReason: String?
    let createdAt: Timestamp
    let completedAt: Timestamp?

    init(_ refund: Refund) {
        id = refund.id
        paymentId = refund.paymentID
        orderId = refund.orderID
        amount = refund.amount
        reason = refund.reason
        returnId = refund.returnID
        state = refund.state.rawValue
        failureReason = refund.failure
        createdAt = refund.createdAt
        completedAt = refund.completedAt
    }
}

struct WebhookReceiptResponse: Encodable, Sendable {
    /// `applied`, `ignored`, `duplicate`, `orphan` or `mismatch`.
    let outcome: String
}
