import Logging
import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTime

/// Takes what a provider says about a charge into the books, by whatever way it reaches us: a webhook, the answer to a
/// call, the reconciler's look. Everything happens in the caller's transaction, which may run again.
struct ChargeUpdates: Sendable {
    let intents: IntentStore
    let commissions: CommissionStore
    let refunds: Refunds
    let ledger: Ledger
    let outbox: Outbox
    let clock: any WallClock
    let logger: Logger

    /// Moves an intent on, if the signal does.
    ///
    /// - Parameter intent: as read, and locked, in this transaction.
    /// - Parameter isAnnounced: whether a failure is published; not when the caller learns of it in person.
    /// - Returns: `.applied`, `.ignored` or `.mismatch`.
    func apply(
        _ signal: ChargeSignal, to intent: Intent, isAnnounced: Bool = true, in tx: any Transaction
    ) async throws -> WebhookOutcome {
        switch IntentStateMachine.transition(from: intent.state, amount: intent.amount, on: signal) {
        case .ignore:
            return .ignored
        case .mismatch:
            tx.afterCommit { reportMismatch(signal, intent) }
            return .mismatch
        case .become(let state, let reason):
            // The intent was read and locked in this transaction, which excludes other writers.
            guard try await intents.move(intent, to: state, reason: reason, now: clock.now(), in: tx) else {
                return .ignored
            }
            switch state {
            case .captured:
                try await book(intent, in: tx)
            case .failed where isAnnounced:
                try await outbox.append(
                    PaymentFailed(
                        paymentId: intent.id, orderId: intent.orderID, customerId: intent.customerID,
                        reason: reason ?? "declined"),
                    in: tx)
            case .failed, .cancelled, .authorized, .pending:
                break
            }
            let logger = logger
            tx.afterCommit {
                PaymentMetrics.intent(state.rawValue)
                logger.info(
                    "payment moved on",
                    metadata: [
                        "payment_id": "\(intent.id)", "order_id": "\(intent.orderID)",
                        "from": "\(intent.state)",
                        "to": "\(state)",
                    ])
            }
            return .applied
        }
    }

    /// Freezes the commission, posts the capture and announces it.
    private func book(_ intent: Intent, in tx: any Transaction) async throws {
        let shares = try await intents.shares(of: intent.id, in: tx)
        let rates = try await commissions.basisPoints(of: shares.map(\.vendorID), in: tx)
        var earned = Money.zero(intent.amount.currency)
        var entries = [LedgerPosting.Entry(account: .provider(intent.provider), amount: intent.amount)]
        for share in shares {
            let rate = rates[share.vendorID] ?? commissions.defaultBasisPoints
            let commission = try share.gross.share(basisPoints: rate)
            try await intents.freezeCommission(
                commission, basisPoints: rate, of: intent.id, vendor: share.vendorID, in: tx)
            entries.append(
                .init(account: .vendor(share.vendorID), amount: try commission.subtracting(share.gross)))
            earned = try earned.adding(commission)
        }
        entries.append(.init(account: .commission, amount: try earned.negated()))
        try await ledger.post(
            LedgerPosting(
                kind: .capture, reference: intent.id.description, paymentID: intent.id,
                orderID: intent.orderID,
                entries: entries),
            in: tx)
        try await outbox.append(
            PaymentSucceeded(
                paymentId: intent.id, orderId: intent.orderID, customerId: intent.customerID,
                amount: intent.amount),
            in: tx)
        if intent.refundsOnCapture {
            _ = try await refunds.request(
                .orderCancelled(intent.orderID, reason: "captured after a refund was required"),
                of: intent.id, in: tx)
        }
    }

    private func reportMismatch(_ signal: ChargeSignal, _ intent: Intent) {
        PaymentMetrics.mismatch()
        logger.error(
            "provider speaks of another amount than the payment's",
            metadata: [
                "payment_id": "\(intent.id)", "amount": "\(intent.amount)", "signal": "\(signal)",
            ])
    }
}
