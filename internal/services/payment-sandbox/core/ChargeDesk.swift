import SoukDatabase
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPayment
import SoukTime

/// The sandbox's business: opens charges, lets customers pay them, gives money back. Every change writes its webhook in
/// the same transaction.
struct ChargeDesk: Sendable {
    /// Charges that one sweep lets expire at most.
    private static let sweepBatch = 100

    let database: any Database
    let store: ChargeStore
    let queue: WebhookQueue
    let clock: any WallClock
    /// Rouses the delivery of webhooks.
    let wake: @Sendable () -> Void

    // MARK: For the marketplace

    /// Opens a charge, or gives the one that this payment has.
    func create(_ request: ChargeRequest) async throws(ProviderError) -> Charge {
        try await answer { tx in
            if let known = try await store.find(payment: request.paymentID, in: tx) {
                guard known.amount == request.amount, known.orderID == request.orderID else {
                    throw ProviderError.refused(
                        code: "charge.mismatch",
                        detail: "payment \(request.paymentID) has a charge over \(known.amount)")
                }
                return known
            }
            guard request.amount.amount > 0 else {
                throw ProviderError.refused(
                    code: "amount.invalid", detail: "\(request.amount) can't be charged")
            }
            let charge = Charge(
                reference: "ch_" + RandomToken.make(bytes: 16), paymentID: request.paymentID,
                orderID: request.orderID, token: RandomToken.make(), formNonce: RandomToken.make(),
                amount: request.amount, status: .pending, failureReason: nil,
                captured: .zero(request.amount.currency), refunded: .zero(request.amount.currency),
                capture: request.capture, returnURL: request.returnURL, expiresAt: request.expiresAt)
            try await store.insert(charge, now: clock.now(), in: tx)
            return charge
        }
    }

    func capture(_ reference: String, amount: Money) async throws(ProviderError) -> Charge {
        try await answer { tx in
            let charge = try await current(reference, in: tx)
            guard amount == charge.amount else {
                throw ProviderError.refused(
                    code: "amount.mismatch",
                    detail: "\(amount) asked for, the charge is over \(charge.amount)")
            }
            switch charge.status {
            case .captured:
                return charge
            case .authorized:
                return try await move(charge, to: .captured, in: tx)
            case .pending, .failed, .expired, .cancelled:
                throw ProviderError.refused(
                    code: "charge.not_authorized", detail: "charge \(reference) is \(charge.status)")
            }
        }
    }

    func cancel(_ reference: String) async throws(ProviderError) -> Charge {
        try await answer { tx in
            let charge = try await current(reference, in: tx)
            switch charge.status {
            case .pending, .authorized: return try await move(charge, to: .cancelled, in: tx)
            case .captured, .failed, .expired, .cancelled: return charge
            }
        }
    }

    func refund(_ reference: String, amount: Money, id: RefundID) async throws(ProviderError) {
        try await answer { tx in
            if let known = try await store.refund(id, in: tx) {
                guard known.reference == reference, known.amount == amount.amount else {
                    throw ProviderError.refused(
                        code: "refund.mismatch", detail: "refund \(id) was made over another amount or charge"
                    )
                }
                return
            }
            let charge = try await current(reference, in: tx)
            guard charge.status == .captured, amount.currency == charge.amount.currency, amount.amount > 0
            else {
                throw ProviderError.refused(
                    code: "charge.not_captured", detail: "charge \(reference) is \(charge.status)")
            }
            let now = clock.now()
            guard try await store.addRefund(amount, to: charge, id: id, now: now, in: tx) else {
                throw ProviderError.refused(
                    code: "refund.exceeds_captured",
                    detail: "\(charge.refunded) of \(charge.captured) was refunded")
            }
            try await announce("refund.succeeded", charge, amount: amount, refundID: id, in: tx)
        }
    }

    func lookup(_ reference: String) async throws(ProviderError) -> Charge {
        try await answer { tx in try await current(reference, in: tx) }
    }

    // MARK: For the customer

    /// - Throws: `SandboxError.unknownCharge`, `DatabaseError`.
    func open(token: String) async throws -> Charge {
        try await database.transaction(isolation: .readCommitted) { tx in
            guard let charge = try await store.find(token: token, in: tx) else {
                throw SandboxError.unknownCharge
            }
            return try await expireIfDue(charge, in: tx)
        }
    }

    /// Pays or declines. The same decision again changes nothing.
    ///
    /// - Parameter formNonce: what the form sent; nil for clients that send no form.
    /// - Throws: `SandboxError`, `DatabaseError`.
    func decide(_ outcome: PayOutcome, token: String, formNonce: String?) async throws -> Charge {
        let charge = try await open(token: token)
        if let formNonce, !Self.isEqual(formNonce, charge.formNonce) { throw SandboxError.forgedForm }
        return try await database.transaction(isolation: .readCommitted) { tx in
            guard let found = try await store.find(token: token, in: tx) else {
                throw SandboxError.unknownCharge
            }
            // Not expired here: an error would undo it. The sweep does that.
            guard found.status != .pending || found.expiresAt > clock.now() else {
                throw SandboxError.expired
            }
            switch (found.status, outcome) {
            case (.pending, .success):
                return try await move(
                    found, to: found.capture == .automatic ? .captured : .authorized, in: tx)
            case (.pending, .decline):
                return try await move(found, to: .failed, reason: "declined", in: tx)
            case (.captured, .success), (.authorized, .success), (.failed, .decline):
                return found
            case (.expired, _):
                throw SandboxError.expired
            case (.captured, .decline), (.authorized, .decline), (.failed, .success), (.cancelled, _):
                throw SandboxError.final
            }
        }
    }

    // MARK: By time

    /// Ends the charges that nobody paid in time.
    func sweep() async throws {
        while true {
            try Task.checkCancellation()
            let count = try await database.transaction(isolation: .readCommitted) { tx in
                let due = try await store.overdue(at: clock.now(), limit: Self.sweepBatch, in: tx)
                for charge in due { _ = try await expireIfDue(charge, in: tx) }
                return due.count
            }
            guard count == Self.sweepBatch else { return }
        }
    }

    // MARK: Shared

    private func current(_ reference: String, in tx: any Transaction) async throws -> Charge {
        guard let charge = try await store.find(reference: reference, in: tx) else {
            throw ProviderError.refused(code: "charge.unknown", detail: "no charge \(reference)")
        }
        return try await expireIfDue(charge, in: tx)
    }

    private func expireIfDue(_ charge: Charge, in tx: any Transaction) async throws -> Charge {
        guard charge.status == .pending, charge.expiresAt <= clock.now() else { return charge }
        return try await move(charge, to: .expired, reason: "expired", in: tx)
    }

    private func move(
        _ charge: Charge, to status: ProviderChargeState.Status, reason: String? = nil, in tx: any Transaction
    ) async throws -> Charge {
        try await store.move(charge, to: status, reason: reason, now: clock.now(), in: tx)
        try await announce("charge.\(status.rawValue)", charge, amount: charge.amount, reason: reason, in: tx)
        guard let moved = try await store.find(reference: charge.reference, in: tx) else {
            throw SandboxError.unknownCharge
        }
        return moved
    }

    private func announce(
        _ type: String, _ charge: Charge, amount: Money, reason: String? = nil, refundID: RefundID? = nil,
        in tx: any Transaction
    ) async throws {
        let now = clock.now()
        let payload = WebhookPayload(
            id: "evt_" + RandomToken.make(bytes: 16), type: type, createdAt: now,
            data: .init(
                charge: charge.reference, paymentId: charge.paymentID, amount: amount, reason: reason,
                refundId: refundID))
        try await queue.append(payload, now: now, in: tx)
        tx.afterCommit(wake)
    }

    private func answer<T: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> T
    ) async throws(ProviderError) -> T {
        do {
            return try await database.transaction(isolation: .readCommitted, body)
        } catch let error as ProviderError {
            throw error
        } catch let error as any SoukError {
            throw .unavailable(error.logDescription)
        } catch {
            throw .unavailable("\(error)")
        }
    }

    /// In time that doesn't depend on where the texts differ.
    private static func isEqual(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
