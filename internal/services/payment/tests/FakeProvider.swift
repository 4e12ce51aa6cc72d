import HTTPTypes
import SoukEnv
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime
import Synchronization

@testable import SoukPayment

/// A provider in memory, as strict as a real one, that can be told to break before or after it has done something.
final class FakeProvider: PaymentProvider {
    enum Operation: Hashable, Sendable { case create, capture, cancel, refund, lookup }

    struct Fault: Sendable {
        let operation: Operation
        /// Whether the effect happens before the error.
        let isAfterEffect: Bool
        let error: ProviderError
    }

    struct FakeCharge: Sendable {
        let request: ChargeRequest
        var status: ProviderChargeState.Status = .pending
        var reason: String?
        var refunds: [RefundID: Money] = [:]
    }

    private struct State {
        var charges: [String: FakeCharge] = [:]
        var faults: [Fault] = []
        var calls: [Operation: Int] = [:]
    }

    let name = "fake"
    static let secret = Secret("a secret of the fake provider")
    private let state = Mutex(State())

    func fail(
        _ operation: Operation, afterEffect: Bool = false, _ error: ProviderError = .unavailable("broken")
    ) {
        state.withLock {
            $0.faults.append(Fault(operation: operation, isAfterEffect: afterEffect, error: error))
        }
    }

    func calls(_ operation: Operation) -> Int { state.withLock { $0.calls[operation] ?? 0 } }
    var charges: [String: FakeCharge] { state.withLock { $0.charges } }

    /// As if the customer, or time, had done it; no webhook is sent.
    func set(_ status: ProviderChargeState.Status, of reference: String, reason: String? = nil) {
        state.withLock {
            $0.charges[reference]?.status = status
            $0.charges[reference]?.reason = reason
        }
    }

    // MARK: PaymentProvider

    func createCharge(_ request: ChargeRequest) async throws(ProviderError) -> ProviderCharge {
        try perform(.create) { state throws(ProviderError) in
            let reference = "fake-\(request.paymentID)"
            if state.charges[reference] == nil { state.charges[reference] = FakeCharge(request: request) }
            return ProviderCharge(reference: reference, payURL: "https://pay.test/\(reference)")
        }
    }

    func capture(_ reference: String, amount: Money, key: String) async throws(ProviderError)
        -> ProviderChargeState
    {
        try perform(.capture) { state throws(ProviderError) in
            let charge = try Self.charge(reference, state)
            guard charge.status == .authorized || charge.status == .captured else {
                throw .refused(code: "charge.not_authorized", detail: "\(charge.status)")
            }
            state.charges[reference]?.status = .captured
            return try Self.answer(reference, state)
        }
    }

    func cancel(_ reference: String) async throws(ProviderError) -> ProviderChargeState {
        try perform(.cancel) { state throws(ProviderError) in
            let charge = try Self.charge(reference, state)
            if charge.status == .pending || charge.status == .authorized {
                state.charges[reference]?.status = .cancelled
            }
            return try Self.answer(reference, state)
        }
    }

    func refund(_ reference: String, amount: Money, refundID: RefundID) async throws(ProviderError) {
        try perform(.refund) { state throws(ProviderError) in
            let charge = try Self.charge(reference, state)
            if let known = charge.refunds[refundID] {
                guard known == amount else {
                    throw .refused(code: "refund.mismatch", detail: "another amount")
                }
                return
            }
            let refunded = charge.refunds.values.reduce(0) { $0 + $1.amount }
            guard charge.status == .captured, refunded + amount.amount <= charge.request.amount.amount else {
                throw .refused(code: "refund.exceeds_captured", detail: "\(refunded) + \(amount)")
            }
            state.charges[reference]?.refunds[refundID] = amount
        }
    }

    func lookup(_ reference: String) async throws(ProviderError) -> ProviderChargeState {
        try perform(.lookup) { state throws(ProviderError) in try Self.answer(reference, state) }
    }

    func verifyWebhook(
        headers: HTTPFields, rawBody: [UInt8], now: Timestamp
    ) throws(WebhookError) -> ProviderEvent {
        guard let name = HTTPField.Name(WebhookSignature.headerName) else { throw .signatureInvalid }
        try WebhookSignature.verify(header: headers[name], body: rawBody, secrets: [Self.secret], now: now)
        guard let event = FakeWebhook(body: rawBody)?.event(at: now) else {
            throw .malformed("not a fake webhook")
        }
        return event
    }

    private func perform<T>(
        _ operation: Operation, _ body: (inout State) throws(ProviderError) -> T
    ) throws(ProviderError) -> T {
        let result: Result<T, ProviderError> = state.withLock { state in
            state.calls[operation, default: 0] += 1
            let index = state.faults.firstIndex { $0.operation == operation }
            let fault = index.map { state.faults.remove(at: $0) }
            if let fault, !fault.isAfterEffect { return .failure(fault.error) }
            let result: Result<T, ProviderError>
            do throws(ProviderError) { result = .success(try body(&state)) } catch {
                result = .failure(error)
            }
            if let fault { return .failure(fault.error) }
            return result
        }
        return try result.get()
    }

    private static func charge(_ reference: String, _ state: State) throws(ProviderError) -> FakeCharge {
        guard let charge = state.charges[reference] else {
            throw .refused(code: "charge.unknown", detail: reference)
        }
        return charge
    }

    private static func answer(_ reference: String, _ state: State) throws(ProviderError)
        -> ProviderChargeState
    {
        let charge = try charge(reference, state)
        return ProviderChargeState(
            reference: reference, status: charge.status, amount: charge.request.amount,
            failureReason: charge.reason)
    }
}

/// A webhook of the fake provider; its body is `id|kind|reference|payment|amount|currency`.
struct FakeWebhook: Sendable, Hashable {
    enum Kind: String, Sendable, CaseIterable { case authorized, captured, failed, cancelled, other }

    var id: String
    var kind: Kind
    var reference: String
    var paymentID: PaymentID?
    var amount: Money

    var body: [UInt8] {
        let payment = paymentID?.description ?? ""
        return Array(
            "\(id)|\(kind.rawValue)|\(reference)|\(payment)|\(amount.amount)|\(amount.currency.code)".utf8)
    }

    init(id: String, kind: Kind, reference: String, paymentID: PaymentID? = nil, amount: Money) {
        self.id = id
        self.kind = kind
        self.reference = reference
        self.paymentID = paymentID
        self.amount = amount
    }

    init?(body: [UInt8]) {
        let parts = String(decoding: body, as: UTF8.self).split(
            separator: "|", omittingEmptySubsequences: false
        )
        .map(String.init)
        guard parts.count == 6, let kind = Kind(rawValue: parts[1]), let amount = Int64(parts[4]),
            let currency = Currency(parts[5])
        else { return nil }
        self.init(
            id: parts[0], kind: kind, reference: parts[2], paymentID: PaymentID(parts[3]),
            amount: Money(amount, currency))
    }

    func event(at time: Timestamp) -> ProviderEvent {
        let kind: ProviderEvent.Kind =
            switch self.kind {
            case .authorized: .chargeAuthorized
            case .captured: .chargeCaptured
            case .failed: .chargeFailed(reason: "declined")
            case .cancelled: .chargeCancelled
            case .other: .other
            }
        return ProviderEvent(
            id: id, type: self.kind.rawValue, kind: kind, reference: reference, paymentID: paymentID,
            amount: amount,
            occurredAt: time)
    }
}
