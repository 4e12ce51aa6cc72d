import Logging
import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTime

/// Writes refunds down before anybody asks the provider, and books them afterwards.
///
/// A refund reserves its amount on the intent and on the shares that bear it when it is written, so that however many
/// come at once, they never exceed what was captured.
struct Refunds: Sendable {
    let intents: IntentStore
    let store: RefundStore
    let ledger: Ledger
    let outbox: Outbox
    let clock: any WallClock
    let logger: Logger
    /// Rouses the worker that asks the provider.
    let wake: @Sendable () -> Void

    /// Writes a refund down as pending; the refund that has the key already if there is one.
    ///
    /// - Throws: `PaymentError`: `.notFound`, `.notCaptured`, `.keyReused`, and as `RefundSplit.plan`.
    func request(
        _ request: RefundRequest, of payment: PaymentID, in tx: any Transaction
    ) async throws -> Refund {
        // Refunds of one payment take turns, so whoever comes second with a key finds what the first one wrote.
        let found = try await intents.find(payment, locked: true, in: tx)
        if let known = try await store.find(key: request.key, in: tx) {
            guard known.paymentID == payment, try await isAnswered(request, by: known, in: tx) else {
                throw PaymentError.keyReused
            }
            return known
        }
        guard let intent = found else { throw PaymentError.notFound }
        guard intent.state == .captured else { throw PaymentError.notCaptured }
        let shares = try await intents.shares(of: payment, in: tx)
        let plan = try RefundSplit.plan(request, over: shares, currency: intent.amount.currency)
        let now = clock.now()
        var isReserved = try await store.reserve(plan.amount, of: payment, now: now, in: tx)
        for (vendor, amount) in plan.parts where isReserved {
            isReserved = try await store.reserve(amount, of: payment, vendor: vendor, in: tx)
        }
        guard isReserved else {
            throw PaymentError.exceedsRemaining(
                Money(intent.captured.amount - intent.refundReserved.amount, intent.amount.currency))
        }
        let refund = Refund(
            id: RefundID(), paymentID: payment, orderID: intent.orderID, key: request.key,
            amount: plan.amount,
            reason: request.reason, returnID: request.returnID, state: .pending, failure: nil, attempts: 0,
            createdAt: now, completedAt: nil)
        // At the same moment another payment's refund took the key.
        guard try await store.insert(refund, parts: plan.parts, in: tx) else { throw PaymentError.keyReused }
        tx.afterCommit(wake)
        return refund
    }

    /// Whether a refund is what this request asks for, as far as the request says. Keys outlive the answers kept for them.
    private func isAnswered(
        _ request: RefundRequest, by known: Refund, in tx: any Transaction
    ) async throws -> Bool {
        if case .exactly(let amount) = request.amount, amount != known.amount { return false }
        guard let vendor = request.vendorID else { return true }
        return try await store.parts(of: known.id, in: tx).allSatisfy { $0.vendorID == vendor }
    }

    /// Notes that a refund was asked for and can't be made, so that its key is used and people can see why.
    func refuse(
        _ request: RefundRequest, amount: Money, of intent: Intent, failure: String, in tx: any Transaction
    ) async throws {
        let now = clock.now()
        let isNew = try await store.insert(
            Refund(
                id: RefundID(), paymentID: intent.id, orderID: intent.orderID, key: request.key,
                amount: amount,
                reason: request.reason, returnID: request.returnID, state: .failed, failure: failure,
                attempts: 0,
                createdAt: now, completedAt: now),
            parts: [:], in: tx)
        guard isNew else { return }
        let logger = logger
        tx.afterCommit {
            PaymentMetrics.refund("failed")
            logger.error(
                "refund can't be made",
                metadata: [
                    "payment_id": "\(intent.id)", "key": "\(request.key)", "reason": "\(failure)",
                ])
        }
    }

    /// Books a refund that the provider made: amounts, commission, ledger and event together. Repeating it does nothing.
    func succeed(_ refund: Refund, in tx: any Transaction) async throws {
        let id = refund.id
        _ = try await intents.find(refund.paymentID, locked: true, in: tx)
        guard try await store.complete(id, as: .succeeded, failure: nil, now: clock.now(), in: tx) else {
            return
        }
        let shares = try await intents.shares(of: refund.paymentID, in: tx)
        let shareOf = Dictionary(uniqueKeysWithValues: shares.map { ($0.vendorID, $0) })
        var reversed = Money.zero(refund.amount.currency)
        var entries: [LedgerPosting.Entry] = []
        for part in try await store.parts(of: id, in: tx) {
            guard let share = shareOf[part.vendorID] else { continue }
            let total = Commission.reversed(
                of: share.commission, refunded: try share.refunded.adding(part.amount), gross: share.gross)
            let commission = try total.subtracting(share.commissionReversed)
            try await store.settle(
                Refund.Part(vendorID: part.vendorID, amount: part.amount, commissionReversed: commission),
                refund: id, of: refund.paymentID, in: tx)
            entries.append(
                .init(account: .vendor(part.vendorID), amount: try part.amount.subtracting(commission)))
            reversed = try reversed.adding(commission)
        }
        try await store.settle(refund.amount, of: refund.paymentID, now: clock.now(), in: tx)
        guard let intent = try await intents.find(refund.paymentID, in: tx) else {
            throw PaymentError.notFound
        }
        entries.append(.init(account: .commission, amount: reversed))
        entries.append(.init(account: .provider(intent.provider), amount: try refund.amount.negated()))
        try await ledger.post(
            LedgerPosting(
                kind: .refund, reference: id.description, paymentID: intent.id, orderID: intent.orderID,
                entries: entries),
            in: tx)
        try await outbox.append(
            PaymentRefunded(
                refundId: id, paymentId: intent.id, orderId: intent.orderID, customerId: intent.customerID,
                amount: refund.amount, totalRefunded: intent.refunded, returnId: refund.returnID),
            in: tx)
        tx.afterCommit { PaymentMetrics.refund("succeeded") }
    }

    /// Gives up a refund that the provider will never make, and frees what it reserved.
    func fail(_ refund: Refund, failure: String, in tx: any Transaction) async throws {
        let now = clock.now()
        _ = try await intents.find(refund.paymentID, locked: true, in: tx)
        guard try await store.complete(refund.id, as: .failed, failure: failure, now: now, in: tx) else {
            return
        }
        let parts = try await store.parts(of: refund.id, in: tx)
        try await store.release(refund.amount, parts: parts, of: refund.paymentID, now: now, in: tx)
        tx.afterCommit { PaymentMetrics.refund("failed") }
    }
}
