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
    init(wire: Souk_Payment_V1_CreateIntentRequest) throws(MalformedMessage) {
        try MalformedMessage.checkBatch(wire.shares.count, "shares")
        guard wire.hasExpiresAt else { throw MalformedMessage("expires_at") }
        var shares: [Share] = []
        for (index, share) in wire.shares.enumerated() {
            shares.append(
                Share(
                    vendorID: try VendorID(share.vendorID, field: "shares[\(index)].vendor_id"),
                    gross: try share.gross.money("shares[\(index)].gross")))
        }
        self.init(
            orderID: try OrderID(wire.orderID, field: "order_id"),
            customerID: try UserID(wire.customerID, field: "customer_id"),
            amount: try wire.amount.money("amount"), shares: shares,
            expiresAt: try wire.expiresAt.timestamp("expires_at"))
    }

    var wire: Souk_Payment_V1_CreateIntentRequest {
        .with { request in
            request.orderID = orderID.description
            request.customerID = customerID.description
            request.amount = .init(amount)
            request.shares = shares.map { share in
                .with {
                    $0.vendorID = share.vendorID.description
                    $0.gross = .init(share.gross)
                }
            }
            request.expiresAt = .init(expiresAt)
        }
    }
}

extension PaymentIntent {
    init(wire: Souk_Payment_V1_PaymentIntent) throws(MalformedMessage) {
        self.init(
            id: try PaymentID(wire.id, field: "id"), orderID: try OrderID(wire.orderID, field: "order_id"),
            customerID: try UserID(wire.customerID, field: "customer_id"),
            amount: try wire.amount.money("amount"), refunded: try wire.refunded.money("refunded"),
            state: try State(wire: wire.state), payURL: wire.hasPayURL ? wire.payURL : nil,
            capturedAt: wire.hasCapturedAt ? try wire.capturedAt.timestamp("captured_at") : nil)
    }

    var wire: Souk_Payment_V1_PaymentIntent {
        .with {
            $0.id = id.description
            $0.orderID = orderID.description
            $0.customerID = customerID.description
            $0.amount = .init(amount)
            $0.refunded = .init(refunded)
            $0.state = state.wire
            if let payURL { $0.payURL = payURL }
            if let capturedAt { $0.capturedAt = .init(capturedAt) }
        }
    }
}

extension PaymentIntent.State {
    init(wire: Souk_Payment_V1_PaymentIntentState) throws(MalformedMessage) {
        switch wire {
        case .pending: self = .pending
        case .authorized: self = .authorized
        case .captured: self = .captured
        case .failed: self = .failed
        case .cancelled: self = .cancelled
        case .unspecified, .UNRECOGNIZED: throw MalformedMessage("state")
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
