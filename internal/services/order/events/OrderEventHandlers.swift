import SoukDatabase
import SoukErrors
import SoukEvents
import SoukEventsRuntime
import SoukIdentifiers
import SoukMoney
import SoukTime

/// What the order service does about its peers' events.
///
/// Each handler runs within the transaction that also records the event as handled, and locks its order first; none calls
/// a peer.
struct OrderEventHandlers: Sendable {
    let transitions: OrderTransitions
    private let fulfilment = FulfilmentStore()

    init(transitions: OrderTransitions) {
        self.transitions = transitions
    }

    static let events = payments + vendorOrders + returns

    private static let payments: EventHandlerTable<Self> = [
        .on(PaymentSucceeded.self, isolation: .readCommitted, sharesTransaction: true) {
            handlers, event, _, tx in
            // Money for an order that isn't known here must not be kept.
            guard var order = try await handlers.transitions.store.order(event.orderId, locked: true, in: tx)
            else {
                _ = try await handlers.transitions.requireRefund(event.orderId, "unknown_order", in: tx)
                return
            }
            try await handlers.transitions.capture(&order, event.paymentId, event.amount, in: tx)
        },
        .on(PaymentFailed.self, isolation: .readCommitted, sharesTransaction: true) {
            handlers, event, _, tx in
            var order = try await handlers.transitions.load(event.orderId, in: tx)
            let lapsed =
                event.reason == CancelReason.expired.rawValue
                || order.expiresAt <= handlers.transitions.clock.now()
            try await handlers.transitions.failPayment(&order, lapsed: lapsed, in: tx)
        },
        .on(PaymentRefunded.self, isolation: .readCommitted, sharesTransaction: true) {
            handlers, event, _, tx in
            // The refund of an unknown order's money concludes what its capture began.
            guard var order = try await handlers.transitions.store.order(event.orderId, locked: true, in: tx)
            else { return }
            try await handlers.transitions.refund(&order, total: event.totalRefunded, in: tx)
        },
    ]

    private static let vendorOrders: EventHandlerTable<Self> = [
        .on(VendorOrderChanged.self, isolation: .readCommitted, sharesTransaction: true) {
            handlers, event, _, tx in
            guard let status = PartStatus(rawValue: event.status) else {
                throw ServiceError(
                    .unprocessable, code: "event.unknown_status",
                    message: "A vendor order has no status \(event.status).")
            }
            var order = try await handlers.transitions.load(event.orderId, in: tx)
            guard
                try await handlers.fulfilment.setStatus(
                    of: event.vendorOrderId, in: order.id, to: status, in: tx)
            else {
                throw OrderError.notFound
            }
            try await handlers.transitions.followParts(&order, in: tx)
        },
        .on(ShipmentCreated.self, isolation: .readCommitted, sharesTransaction: true) {
            handlers, event, context, tx in
            let order = try await handlers.transitions.load(event.orderId, in: tx)
            let shipment = OrderShipment(
                id: event.shipmentId, vendorOrderID: event.vendorOrderId, carrier: event.carrier,
                trackingNumber: event.trackingNumber,
                lines: event.lines.map {
                    ShippedLine(lineID: $0.lineId, sku: $0.sku, quantity: $0.quantity)
                },
                shippedAt: context.time)
            try await handlers.fulfilment.add(shipment, to: order.id, in: tx)
        },
    ]

    private static let returns: EventHandlerTable<Self> = [
        .on(ReturnRequested.self, isolation: .readCommitted) { handlers, event, _, tx in
            try await handlers.put(
                OrderReturn(
                    id: event.returnId, vendorOrderID: event.vendorOrderId, status: .requested,
                    amount: event.amount, reason: nil), event.orderId, in: tx)
        },
        .on(ReturnApproved.self, isolation: .readCommitted) { handlers, event, _, tx in
            try await handlers.put(
                OrderReturn(
                    id: event.returnId, vendorOrderID: event.vendorOrderId, status: .approved,
                    amount: event.amount, reason: nil), event.orderId, in: tx)
        },
        .on(ReturnRejected.self, isolation: .readCommitted) { handlers, event, _, tx in
            try await handlers.put(
                OrderReturn(
                    id: event.returnId, vendorOrderID: nil, status: .rejected, amount: nil,
                    reason: event.reason), event.orderId, in: tx)
        },
    ]

    private func put(_ record: OrderReturn, _ order: OrderID, in tx: some Transaction) async throws {
        let order = try await transitions.load(order, in: tx)
        if let amount = record.amount, amount.currency != order.total.currency {
            throw OrderError.paymentMismatch(
                "return \(record.id): \(amount), order in \(order.total.currency.code)")
        }
        try await fulfilment.put(record, of: order.id, in: tx)
    }
}
