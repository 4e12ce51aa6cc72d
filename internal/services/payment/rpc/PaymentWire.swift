import SoukCallContext
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukProto
import SoukRPCRuntime
import SoukTime
import SwiftProtobuf

extension IntentRequest {
    init(wire: Souk_Payment_V1_CreateIntentRequest) throws(ValidationError) {
        try ValidationError.checkBatch(wire.shares.count, "shares")
        guard wire.hasExpiresAt else { throw .wire("expires_at", "The value is required.") }
        var shares: [Share] = []
        for (index, share) in wire.shares.enumerated() {
            shares.append(
                Share(
                    vendorID: try VendorID(wire: share.vendorID, "shares[\(index)].vendor_id"),
                    gross: try Money(wire: share.gross, "shares[\(index)].gross")))
        }
        self.init(
            orderID: try OrderID(wire: wire.orderID, "order_id"),
            customerID: try UserID(wire: wire.customerID, "customer_id"),
            amount: try Money(wire: wire.amount, "amount"), shares: shares,
            expiresAt: try Timestamp(wire: wire.expiresAt, "expires_at"))
    }

    var wire: Souk_Payment_V1_CreateIntentRequest {
        .with { request in
            request.orderID = orderID.description
            request.customerID = customerID.description
            request.amount = amount.wire
            request.shares = shares.map { share in
                .with {
                    $0.vendorID = share.vendorID.description
                    $0.gross = share.gross.wire
                }
            }
            request.expiresAt = expiresAt.wire
        }
    }
}

extension PaymentIntent {
    init(wire: Souk_Payment_V1_PaymentIntent) throws(ValidationError) {
        self.init(
            id: try PaymentID(wire: wire.id, "id"), orderID: try OrderID(wire: wire.orderID, "order_id"),
            customerID: try UserID(wire: wire.customerID, "customer_id"),
            amount: try Money(wire: wire.amount, "amount"), refunded: try Money(wire: wire.refunded, "refunded"),
            state: try State(wire: wire.state), payURL: wire.hasPayURL ? wire.payURL : nil,
            capturedAt: wire.hasCapturedAt ? try Timestamp(wire: wire.capturedAt, "captured_at") : nil)
    }

    var wire: Souk_Payment_V1_PaymentIntent {
        .with {
            $0.id = id.description
            $0.orderID = orderID.description
            $0.customerID = customerID.description
            $0.amount = amount.wire
            $0.refunded = refunded.wire
            $0.state = state.wire
            if let payURL { $0.payURL = payURL }
            if let capturedAt { $0.capturedAt = capturedAt.wire }
        }
    }
}

extension PaymentIntent.State {
    init(wire: Souk_Payment_V1_PaymentIntentState) throws(ValidationError) {
        switch wire {
        case .pending: self = .pending
        case .authorized: self = .authorized
        case .captured: self = .captured
        case .failed: self = .failed
        case .cancelled: self = .cancelled
        case .unspecified, .UNRECOGNIZED: throw .wire("state", "The value is not known.")
        }
    }

    var wire: Souk_Payment_V1_PaymentIntentState {
        switch self {
        case .pending: .pending
        case .authorized: .authorized
        case .captured: .captured
        case .failed: .failed
        case .cancelled: .cancelled
        }
    }
}

// MARK: - Refusals

extension PaymentKernelError {
    /// A provider's words beyond this don't fit in a trailer.
    private static let maxDetail = 1_000

    /// What is said of the error, and what it carries as a ``Souk_Payment_V1_PaymentKernelFailure``.
    var failure: RPCFailure {
        var payload = Souk_Payment_V1_PaymentKernelFailure()
        switch self {
        case .intentMismatch(let order), .orderCancelled(let order): payload.orderID = order.description
        case .providerRefused(let detail): payload.detail = String(detail.prefix(Self.maxDetail))
        case .unavailable: break
        }
        let bytes: [UInt8]? = try? payload.serializedBytes()
        return RPCFailure(self, payload: bytes ?? [])
    }

    /// The error that a failed call stands for; whatever this version can't read means that the service can't be used
    /// now.
    init(_ failure: RPCFailure) {
        self = Self.known(failure) ?? .unavailable(failure.logDescription)
    }

    private static func known(_ failure: RPCFailure) -> PaymentKernelError? {
        guard failure.origin == .service,
            let payload = try? Souk_Payment_V1_PaymentKernelFailure(serializedBytes: failure.payload)
        else { return nil }
        switch failure.code {
        case "payment.mismatch": return OrderID(payload.orderID).map { .intentMismatch($0) }
        case "payment.order_cancelled": return OrderID(payload.orderID).map { .orderCancelled($0) }
        case "payment.refused": return .providerRefused(payload.detail)
        default: return nil
        }
    }
}
