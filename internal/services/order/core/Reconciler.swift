import Logging
import Metrics
import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTime

/// Finds orders and payments that disagree, and mends them.
///
/// Events and sagas keep the two together; this is for what they can't see: an event that was dead-lettered, a payment
/// database that was set back, a step nobody took up. It asks the payment service, never the provider, and mends
/// through the same transitions as everything else, so a late event finds its work done.
///
/// Three looks, each at what is older than the deadline (`SOUK_ORDER_RECONCILE_AFTER`), so that ordinary traffic on its
/// way is no finding:
///
/// - *Orders awaiting payment*, oldest first, each once per pass: captured → paid; failed or cancelled → cancelled; no
///   payment at all → the payment is made anew.
/// - *Captured payments* since the last pass, with an overlap: each must have an order that is paid. An awaiting order
///   becomes paid; for one that ended, or isn't known, the money goes back, once.
/// - *Orders under creation or cancellation* that nothing has moved: their saga is taken up at once.
final class Reconciler: Sendable {
    /// How far behind the last payment seen the next pass begins: commits of the payment service may become visible in
    /// another order than their times.
    private static let overlap: Duration = .seconds(600)
    private static let batch = 200
    private static let paymentBatch = 1_000
    /// Findings that are told one by one; beyond them only the counts go on.
    private static let listed = 100

    private let database: any Database
    private let transitions: OrderTransitions
    private let sagas: OrderSagas
    private let payments: any PaymentKernel
    private let clock: any WallClock
    private let deadline: Duration
    private let logger: Logger
    private let store = ReconcilerStore()
    private let turn = KeyedLock<String>()

    init(
        database: any Database, transitions: OrderTransitions, sagas: OrderSagas, payments: any PaymentKernel,
        clock: any WallClock, deadline: Duration, logger: Logger
    ) {
        self.database = database
        self.transitions = transitions
        self.sagas = sagas
        self.payments = payments
        self.clock = clock
        self.deadline = deadline
        self.logger = logger
    }

    /// One pass over everything. Passes take turns.
    ///
    /// - Throws: `PaymentKernelError.unavailable`, `DatabaseError`; what was found before is mended and logged.
    func reconcile(_ context: CallContext) async throws -> ReconcilerReport {
        try await turn.withLock("pass") {
            var report = ReconcilerReport()
            let moment = clock.now() - deadline
            try await checkAwaiting(until: moment, &report, context)
            try await checkCaptured(until: moment, &report, context)
            try await checkStuck(since: moment, &report, context)
            return report
        }
    }

    // MARK: - Orders awaiting payment

    private func checkAwaiting(
        until moment: Timestamp, _ report: inout ReconcilerReport, _ context: CallContext
    ) async throws {
        var position: ScanPosition?
        while true {
            let orders = try await store.orders(
                .awaitingPayment, createdUntil: moment, after: position, limit: Self.batch, in: database)
            guard !orders.isEmpty else { return }
            let intents = try await payments.intents(of: orders.map(\.id), context)
            for order in orders {
                report.ordersChecked += 1
                try await record(order.id, &report) {
                    try await mend(order.id, intents[order.id], until: moment, context)
                }
            }
            guard orders.count == Self.batch else { return }
            position = orders.last
        }
    }

    private func mend(
        _ id: OrderID, _ intent: PaymentIntent?, until moment: Timestamp, _ context: CallContext
    ) async throws -> ReconcilerFinding.Kind? {
        guard let intent else {
            let isFound = try await change(id) { order, tx in
                guard try await self.transitions.sagas.step(of: id, in: tx) == nil else { return false }
                try await self.transitions.sagas.set(.createIntent, of: id, at: self.clock.now(), in: tx)
                return true
            }
            if isFound { await takeUp(id, context) }
            return isFound ? .missingPayment : nil
        }
        switch intent.state {
        case .pending, .authorized:
            return nil
        case .captured:
            // A capture of this moment has its event under way.
            guard let capturedAt = intent.capturedAt, capturedAt <= moment else { return nil }
            return try await change(id) { order, tx in
                try await self.transitions.capture(&order, intent.id, intent.amount, in: tx)
                return true
            } ? .lostPayment : nil
        case .failed, .cancelled:
            return try await change(id) { order, tx in
                try await self.transitions.failPayment(
                    &order, lapsed: order.expiresAt <= self.clock.now(), in: tx)
                return true
            } ? .paymentEnded : nil
        }
    }

    /// Changes an order if it still awaits its payment.
    private func change(
        _ id: OrderID, _ body: @Sendable (inout Order, any Transaction) async throws -> Bool
    ) async throws -> Bool {
        try await database.transaction(isolation: .readCommitted) { tx in
            var order = try await transitions.load(id, in: tx)
            guard order.status == .awaitingPayment else { return false }
            return try await body(&order, tx)
        }
    }

    // MARK: - Captured payments

    private func checkCaptured(
        until moment: Timestamp, _ report: inout ReconcilerReport, _ context: CallContext
    ) async throws {
        let watermark = try await store.watermark(in: database) ?? .min
        var since = watermark - Self.overlap
        var seen: Set<OrderID> = []
        var latest = watermark
        while true {
            let intents = try await payments.captured(since: since, limit: Self.paymentBatch, context)
            let due = intents.filter { intent in
                guard let capturedAt = intent.capturedAt else { return false }
                return capturedAt <= moment && seen.insert(intent.orderID).inserted
            }
            let statuses = try await store.statuses(of: due.map(\.orderID), in: database)
            for intent in due {
                report.paymentsChecked += 1
                try await record(intent.orderID, &report) {
                    try await mend(intent, statuses[intent.orderID])
                }
            }
            latest = max(latest, due.compactMap(\.capturedAt).max() ?? latest)
            guard intents.count == Self.paymentBatch, let last = intents.last?.capturedAt, last <= moment
            else { break }
            // More captures within one microsecond than fit an answer can't be told apart; go on behind them.
            since = last > since ? last : since + .microseconds(1)
            seen = Set(intents.filter { $0.capturedAt == last }.map(\.orderID))
        }
        if latest > watermark { try await store.setWatermark(latest, in: database) }
    }

    private func mend(_ intent: PaymentIntent, _ status: OrderStatus?) async throws -> ReconcilerFinding.Kind?
    {
        switch status {
        case .paid, .partiallyShipped, .shipped, .delivered:
            return nil
        case .creating, .cancelling:
            // The saga asks for the payment itself; a stuck one is found by the third look.
            return nil
        case .awaitingPayment:
            return try await change(intent.orderID) { order, tx in
                try await self.transitions.capture(&order, intent.id, intent.amount, in: tx)
                return true
            } ? .lostPayment : nil
        case .cancelled, .expired, .failed, nil:
            guard intent.refunded.amount < intent.amount.amount else { return nil }
            let reason = status.map { "paid_after_\($0.rawValue)" } ?? "unknown_order"
            let isNew = try await database.transaction(isolation: .readCommitted) { tx in
                try await transitions.requireRefund(intent.orderID, reason, in: tx)
            }
            guard isNew else { return nil }
            return status == nil ? .unknownOrder : .paidAfterEnd
        }
    }

    // MARK: - Sagas that nobody moves

    private func checkStuck(
        since moment: Timestamp, _ report: inout ReconcilerReport, _ context: CallContext
    ) async throws {
        for id in try await store.stuck(since: moment, limit: Self.batch, in: database) {
            let now = clock.now()
            let status = try await database.transaction(isolation: .readCommitted) { tx -> OrderStatus in
                let order = try await transitions.load(id, in: tx)
                guard order.status == .creating || order.status == .cancelling else { return order.status }
                if try await transitions.sagas.step(of: id, in: tx) == nil {
                    try await transitions.sagas.set(Self.firstStep(of: order), of: id, at: now, in: tx)
                } else {
                    try await transitions.sagas.hasten(id, at: now, in: tx)
                }
                return order.status
            }
            guard status == .creating || status == .cancelling else { continue }
            record(status == .creating ? .stuckCheckout : .stuckCancellation, id, &report)
            await takeUp(id, context)
        }
    }

    /// Where a saga begins again whose record is lost.
    private static func firstStep(of order: Order) -> SagaStep {
        switch order.status {
        case .cancelling: order.wasPaid ? .cancelFulfilment : .cancelIntent
        default: order.failure == nil ? .reserve : .undoIntent
        }
    }

    /// Tries the saga now; a failure is logged and postponed there.
    private func takeUp(_ id: OrderID, _ context: CallContext) async {
        do {
            try await sagas.advance(id, context)
        } catch {
            logger.info("saga waits for its next attempt", metadata: ["order_id": "\(id)"])
        }
    }

    /// Mends an order. One that can't be, because it and its payment contradict each other, holds up no other.
    private func record(
        _ order: OrderID, _ report: inout ReconcilerReport,
        _ mend: () async throws -> ReconcilerFinding.Kind?
    ) async throws {
        do {
            if let finding = try await mend() { record(finding, order, &report) }
        } catch let error as any SoukError where !error.kind.isRetryable {
            logger.error(
                "order can't be reconciled",
                metadata: ["order_id": "\(order)", "error": "\(error.logDescription)"])
        }
    }

    private func record(_ kind: ReconcilerFinding.Kind, _ order: OrderID, _ report: inout ReconcilerReport) {
        Counter(label: "reconciler_findings_total", dimensions: [("kind", kind.rawValue)]).increment()
        logger.warning("reconciler finding", metadata: ["kind": "\(kind.rawValue)", "order_id": "\(order)"])
        report.counts[kind, default: 0] += 1
        if report.findings.count < Self.listed {
            report.findings.append(ReconcilerFinding(kind: kind, orderID: order))
        }
    }
}

/// An order and a payment that disagreed.
struct ReconcilerFinding: Sendable, Hashable {
    enum Kind: String, Sendable, CaseIterable {
        /// Captured, but the order didn't know: it is paid now.
        case lostPayment = "lost_payment"
        /// Failed or cancelled, but the order didn't know: it is cancelled now.
        case paymentEnded = "payment_ended"
        /// An order awaiting a payment that doesn't exist: it is made anew.
        case missingPayment = "missing_payment"
        /// Captured for an order that had ended: it goes back.
        case paidAfterEnd = "paid_after_end"
        /// Captured for an order that isn't known: it goes back.
        case unknownOrder = "unknown_order"
        case stuckCheckout = "stuck_checkout"
        case stuckCancellation = "stuck_cancellation"
    }

    let kind: Kind
    let orderID: OrderID
}

/// What one pass looked at and found.
struct ReconcilerReport: Sendable, Hashable {
    var ordersChecked = 0
    var paymentsChecked = 0
    var counts: [ReconcilerFinding.Kind: Int] = [:]
    /// At most 100 of them.
    var findings: [ReconcilerFinding] = []
}
