import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTime

/// Everything that can happen to an order, each within the caller's transaction: the status, what hangs on it, and the
/// event that tells of it change together or not at all.
///
/// The same function serves a request, an event and a job, so whoever comes first wins and the others find it done. Each
/// transaction locks its order before anything else, which is why `.readCommitted` is enough for them.
struct OrderTransitions: Sendable {
    let outbox: Outbox
    let clock: any WallClock
    let store = OrderStore()
    let sagas = SagaStore()
    let carts = CartStore()

    /// The order, locked until the transaction ends.
    ///
    /// - Throws: ``OrderError/notFound``.
    func load(_ id: OrderID, in tx: some Transaction) async throws -> Order {
        guard let order = try await store.order(id, locked: true, in: tx) else { throw OrderError.notFound }
        return order
    }

    // MARK: - Checkout

    /// The stock is held and the payment is ready: the order stands, and what it bought leaves the cart.
    func place(_ order: inout Order, _ intent: PaymentIntent, in tx: some Transaction) async throws {
        let now = clock.now()
        let wasCaptured =
            intent.state == .captured || order.payment?.state == PaymentIntent.State.captured.rawValue
        order.status = try order.status.applying(.place)
        order.placedAt = now
        order.payment = OrderPayment(id: intent.id, state: intent.state.rawValue, payURL: intent.payURL)
        try await store.save(order, at: now, in: tx)
        try await carts.removeBought(by: order.id, of: order.customerID, at: now, in: tx)
        try await sagas.finish(order.id, in: tx)
        try await outbox.append(
            OrderPlaced(
                orderId: order.id, number: order.number, customerId: order.customerID, total: order.total,
                expiresAt: order.expiresAt), in: tx)
        if wasCaptured { try await capture(&order, intent.id, intent.amount, in: tx) }
    }

    /// The payment of a standing order was made anew, because the payment service had lost it.
    func renewPayment(_ order: inout Order, _ intent: PaymentIntent, in tx: some Transaction) async throws {
        order.payment = OrderPayment(id: intent.id, state: intent.state.rawValue, payURL: intent.payURL)
        try await store.save(order, at: clock.now(), in: tx)
        try await sagas.finish(order.id, in: tx)
        if intent.state == .captured { try await capture(&order, intent.id, intent.amount, in: tx) }
    }

    /// A step was refused: from here on the checkout is undone.
    func undo(
        _ order: inout Order, because refusal: CheckoutRefusal, from step: SagaStep, in tx: some Transaction
    ) async throws {
        let now = clock.now()
        order.failure = refusal
        try await store.save(order, at: now, in: tx)
        try await sagas.set(step, of: order.id, at: now, in: tx)
    }

    /// Everything is undone.
    func failCheckout(_ order: inout Order, in tx: some Transaction) async throws {
        // The news of a capture may have come while the rest was being undone.
        if order.payment?.state == PaymentIntent.State.captured.rawValue { order.wasPaid = true }
        order.status = try order.status.applying(.failCheckout)
        order.cancelReason = .checkoutFailed
        try await end(&order, .checkoutFailed, in: tx)
    }

    // MARK: - Payment

    /// The money was captured. What that means depends on what happened meanwhile; said again it means nothing more.
    ///
    /// - Throws: ``OrderError/paymentMismatch(_:)`` when the amount isn't the order's total.
    func capture(
        _ order: inout Order, _ payment: PaymentID, _ amount: Money, in tx: some Transaction
    ) async throws {
        guard amount == order.total else {
            throw OrderError.paymentMismatch("order \(order.id): captured \(amount), total \(order.total)")
        }
        switch order.status {
        case .creating:
            // The saga is between making the intent and hearing of it; it finds this note when it places the order.
            order.payment = OrderPayment(
                id: payment, state: PaymentIntent.State.captured.rawValue, payURL: order.payment?.payURL)
            try await store.save(order, at: clock.now(), in: tx)
        case .awaitingPayment:
            try await becomePaid(&order, payment, in: tx)
        case .cancelling:
            guard !order.wasPaid else { return }
            // The payment was quicker than the cancellation. A customer still wants to cancel; mere time doesn't.
            let reason = order.cancelReason
            order.cancelReason = nil
            try await becomePaid(&order, payment, in: tx)
            try await sagas.finish(order.id, in: tx)
            if reason == .customer { try await beginCancel(&order, .customer, in: tx) }
        case .paid, .partiallyShipped, .shipped, .delivered:
            return
        case .cancelled, .expired, .failed:
            order.payment = OrderPayment(
                id: payment, state: PaymentIntent.State.captured.rawValue, payURL: nil)
            try await store.save(order, at: clock.now(), in: tx)
            _ = try await requireRefund(order.id, "paid_after_\(order.status.rawValue)", in: tx)
        }
    }

    /// The provider declined for good, or the time to pay ran out there.
    ///
    /// - Throws: ``OrderError/illegalTransition(from:_:)`` for an order that was paid.
    func failPayment(_ order: inout Order, lapsed: Bool, in tx: some Transaction) async throws {
        switch order.status {
        case .creating, .cancelling, .cancelled, .expired, .failed:
            // The saga asks the payment service itself, or it is over already.
            return
        case .awaitingPayment, .paid, .partiallyShipped, .shipped, .delivered:
            order.status = try order.status.applying(lapsed ? .lapsePayment : .failPayment)
        }
        order.cancelReason = lapsed ? .expired : .paymentFailed
        note(.failed, in: &order)
        try await end(&order, lapsed ? .expired : .paymentFailed, in: tx)
    }

    /// Money went back. The amount given back in all never falls, in whatever order one hears of it.
    ///
    /// - Throws: ``OrderError/paymentMismatch(_:)`` for another currency or more than the total.
    func refund(_ order: inout Order, total refunded: Money, in tx: some Transaction) async throws {
        guard refunded.currency == order.total.currency, refunded.amount <= order.total.amount else {
            throw OrderError.paymentMismatch("order \(order.id): refunded \(refunded), total \(order.total)")
        }
        guard refunded.amount > order.refunded.amount else { return }
        order.refunded = refunded
        try await store.save(order, at: clock.now(), in: tx)
    }

    /// All that was captured for the order must go back; asked once per order. Whether it was asked now.
    func requireRefund(_ order: OrderID, _ reason: String, in tx: some Transaction) async throws -> Bool {
        guard try await store.requestRefund(of: order, reason: reason, at: clock.now(), in: tx) else {
            return false
        }
        try await outbox.append(OrderRefundRequired(orderId: order, reason: reason), in: tx)
        return true
    }

    // MARK: - Cancellation

    /// Persists the wish; a saga carries it out.
    func beginCancel(_ order: inout Order, _ reason: CancelReason, in tx: some Transaction) async throws {
        let now = clock.now()
        let isPaid = order.status == .paid
        order.status = try order.status.applying(.requestCancel)
        order.cancelReason = reason
        order.wasPaid = isPaid
        try await store.save(order, at: now, in: tx)
        try await sagas.set(isPaid ? .cancelFulfilment : .cancelIntent, of: order.id, at: now, in: tx)
    }

    /// The peers agreed: nothing will be paid any more, or nothing will be shipped.
    func finishCancel(
        _ order: inout Order, payment: PaymentIntent.State?, in tx: some Transaction
    ) async throws {
        let reason = order.cancelReason ?? .customer
        order.status = try order.status.applying(
            reason == .expired && !order.wasPaid ? .finishExpiry : .finishCancel)
        if let payment { note(payment, in: &order) }
        try await end(&order, reason, in: tx)
    }

    /// A part had left: the order goes on from where its parts are.
    func refuseCancel(_ order: inout Order, in tx: some Transaction) async throws {
        let parts = try await store.parts(of: order, in: tx)
        order.status = try order.status.applying(.refuseCancel(FulfilmentProgress(of: parts.map(\.status))))
        order.cancelReason = nil
        order.wasPaid = false
        try await store.save(order, at: clock.now(), in: tx)
        try await sagas.finish(order.id, in: tx)
    }

    // MARK: - Fulfilment

    /// Follows the parts, once the order is paid and not being cancelled.
    func followParts(_ order: inout Order, in tx: some Transaction) async throws {
        guard order.status.isPaid else { return }
        let progress = FulfilmentProgress(of: try await store.parts(of: order, in: tx).map(\.status))
        let status = try order.status.applying(.fulfil(progress))
        guard status != order.status else { return }
        order.status = status
        try await store.save(order, at: clock.now(), in: tx)
    }

    // MARK: - Pieces

    private func becomePaid(_ order: inout Order, _ payment: PaymentID, in tx: some Transaction) async throws
    {
        let now = clock.now()
        order.status = try order.status.applying(.capture)
        order.paidAt = now
        order.payment = OrderPayment(id: payment, state: PaymentIntent.State.captured.rawValue, payURL: nil)
        try await store.save(order, at: now, in: tx)
        let lines = try await store.lines(of: order, in: tx)
        let parts = try await store.parts(of: order, in: tx)
        try await outbox.append(OrderPaid(order, lines: lines, parts: parts, payment: payment), in: tx)
    }

    private func end(_ order: inout Order, _ reason: CancelReason, in tx: some Transaction) async throws {
        try await store.save(order, at: clock.now(), in: tx)
        try await sagas.finish(order.id, in: tx)
        try await outbox.append(
            OrderCancelled(
                orderId: order.id, number: order.number, customerId: order.customerID,
                reason: reason.rawValue,
                wasPaid: order.wasPaid), in: tx)
        if order.wasPaid { _ = try await requireRefund(order.id, reason.rawValue, in: tx) }
    }

    private func note(_ state: PaymentIntent.State, in order: inout Order) {
        guard let payment = order.payment else { return }
        order.payment = OrderPayment(id: payment.id, state: state.rawValue, payURL: nil)
    }
}
