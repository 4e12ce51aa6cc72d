import Logging
import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukMoney
import SoukPaymentKernel
import SoukTime

/// What the payment service does when others ask for money back. It only writes refunds down; the worker makes them.
struct PaymentHandlers: Sendable {
    let intents: IntentStore
    let refunds: Refunds
    let clock: any WallClock
    let logger: Logger

    static let events: EventHandlerTable<Self> = [
        .on(OrderRefundRequired.self, isolation: .readCommitted) { handlers, event, _, tx in
            try await handlers.refund(event, in: tx)
        },
        .on(ReturnApproved.self, isolation: .readCommitted) { handlers, event, _, tx in
            try await handlers.refund(event, in: tx)
        },
    ]

    /// All that is left goes back, now or as soon as it is captured after all.
    func refund(_ event: OrderRefundRequired, in tx: any Transaction) async throws {
        try await intents.lock(event.orderId, in: tx)
        guard let intent = try await intents.find(order: event.orderId, locked: true, in: tx) else {
            return try await intents.insertTombstone(event.orderId, now: clock.now(), in: tx)
        }
        guard intent.state == .captured else {
            return try await intents.setRefundsOnCapture(intent.id, now: clock.now(), in: tx)
        }
        do {
            _ = try await refunds.request(
                .orderCancelled(event.orderId, reason: event.reason), of: intent.id, in: tx)
        } catch PaymentError.nothingLeft {
            let logger = logger
            tx.afterCommit {
                logger.info("nothing left to refund", metadata: ["order_id": "\(event.orderId)"])
            }
        }
    }

    /// What the vendor took back, or what is left of that vendor's share if an earlier refund took some of it.
    func refund(_ event: ReturnApproved, in tx: any Transaction) async throws {
        guard event.amount.amount > 0 else { return }
        guard let intent = try await intents.find(order: event.orderId, in: tx) else {
            throw PaymentError.notFound
        }
        let request = RefundRequest(
            key: "return:\(event.returnId)", amount: .atMost(event.amount), vendorID: event.vendorId,
            reason: "return", returnID: event.returnId)
        do {
            let refund = try await refunds.request(request, of: intent.id, in: tx)
            guard refund.amount != event.amount else { return }
            let logger = logger
            tx.afterCommit {
                logger.warning(
                    "return refunded in part: an earlier refund took the rest",
                    metadata: [
                        "return_id": "\(event.returnId)", "asked": "\(event.amount)",
                        "refunded": "\(refund.amount)",
                    ])
            }
        } catch PaymentError.nothingLeft {
            try await refunds.refuse(
                request, amount: event.amount, of: intent, failure: "nothing_left", in: tx)
        }
    }
}
