import SoukCloudEvents
import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

/// Turns events into messages; each handler says who is told what.
struct NotificationHandlers: Sendable {
    let store: NotificationStore
    let catalogue: MessageCatalogue
    let clock: any WallClock
    /// Called after a message with an e-mail has been committed.
    let wakeMail: @Sendable () -> Void
    /// Called after a request for a mail about an account has been committed.
    let wakeAccountMail: @Sendable () -> Void

    static let events = accountMails + accounts + orders + fulfilment

    private static let accountMails: EventHandlerTable<Self> = [
        .on(UserMailRequested.self, isolation: .readCommitted, sharesTransaction: true) {
            handlers, event, _, tx in
            try await handlers.store.insert(event.requestId, at: handlers.clock.now(), in: tx)
            tx.afterCommit(handlers.wakeAccountMail)
        },
        .on(UserUpdated.self, isolation: .readCommitted, sharesTransaction: true) { handlers, event, _, tx in
            guard event.emailVerified == true, event.active else { return }
            let due = try await handlers.store.release(
                to: event.userId, at: handlers.clock.now(), in: tx)
            if due > 0 { tx.afterCommit(handlers.wakeMail) }
        },
    ]

    private static let accounts: EventHandlerTable<Self> = [
        handler(UserRegistered.self) { catalogue, event in
            catalogue.draft(.welcome, to: event.userId, values: ["name": event.name])
        },
        handler(VendorStatusChanged.self) { catalogue, event in
            guard event.status != "pending" else { return nil }
            return catalogue.draft(
                .vendorStatus, to: event.ownerId,
                values: ["name": event.name, "status": event.status, "reason": event.reason ?? ""],
                subject: ["vendor_id": event.vendorId.description])
        },
        handler(StockLow.self) { catalogue, event in
            catalogue.draft(
                .stockLow, to: event.ownerId,
                values: [
                    "sku": event.sku, "store": event.storeName, "available": "\(event.available)",
                    "threshold": "\(event.threshold)",
                ],
                subject: ["store_id": event.storeId.description, "sku": event.sku])
        },
    ]

    private static let orders: EventHandlerTable<Self> = [
        handler(OrderPaid.self) { catalogue, event in
            catalogue.draft(
                .orderPaid, to: event.customerId,
                values: ["number": event.number, "total": event.total.formatted],
                subject: ["order_id": event.orderId.description])
        },
        handler(OrderCancelled.self) { catalogue, event in
            // The customer was told of a failed checkout by the answer to it.
            guard let reason = cancellationReasons[event.reason] else { return nil }
            return catalogue.draft(
                .orderCancelled, to: event.customerId,
                values: ["number": event.number, "reason": reason, "paid": event.wasPaid ? "yes" : ""],
                subject: ["order_id": event.orderId.description])
        },
        handler(PaymentFailed.self) { catalogue, event in
            catalogue.draft(
                .paymentFailed, to: event.customerId, values: ["reason": event.reason],
                subject: ["order_id": event.orderId.description])
        },
        handler(PaymentRefunded.self) { catalogue, event in
            catalogue.draft(
                .refunded, to: event.customerId,
                values: ["amount": event.amount.formatted, "total": event.totalRefunded.formatted],
                subject: ["order_id": event.orderId.description])
        },
    ]

    private static let fulfilment: EventHandlerTable<Self> = [
        handler(VendorOrderCreated.self) { catalogue, event in
            catalogue.draft(
                .vendorOrder, to: event.ownerId,
                values: ["number": event.number, "total": event.total.formatted],
                subject: ["vendor_order_id": event.vendorOrderId.description])
        },
        handler(ShipmentCreated.self) { catalogue, event in
            catalogue.draft(
                .shipped, to: event.customerId,
                values: [
                    "number": event.number, "carrier": event.carrier,
                    "tracking": event.trackingNumber ?? "",
                ],
                subject: ["order_id": event.orderId.description])
        },
        handler(VendorOrderChanged.self) { catalogue, event in
            guard event.status == "delivered" else { return nil }
            return catalogue.draft(
                .delivered, to: event.customerId, values: ["number": event.number],
                subject: ["order_id": event.orderId.description])
        },
        handler(ReturnRequested.self) { catalogue, event in
            catalogue.draft(
                .returnRequested, to: event.ownerId,
                values: ["number": event.number, "amount": event.amount.formatted],
                subject: ["return_id": event.returnId.description])
        },
        handler(ReturnApproved.self) { catalogue, event in
            catalogue.draft(
                .returnApproved, to: event.customerId,
                values: ["number": event.number, "amount": event.amount.formatted],
                subject: ["return_id": event.returnId.description])
        },
        handler(ReturnRejected.self) { catalogue, event in
            catalogue.draft(
                .returnRejected, to: event.customerId,
                values: ["number": event.number, "reason": event.reason],
                subject: ["return_id": event.returnId.description])
        },
    ]

    private static let cancellationReasons = [
        "customer": "You cancelled it.",
        "expired": "It was not paid in time.",
        "payment_failed": "The payment failed.",
    ]

    /// Stores what `draft` makes of an event; nil means that nobody needs to be told.
    private static func handler<E: Event>(
        _ type: E.Type, _ draft: @escaping @Sendable (MessageCatalogue, E) -> Draft?
    ) -> EventHandlerTable<Self>.Entry {
        .on(type, isolation: .readCommitted, sharesTransaction: true) { handlers, event, context, tx in
            guard let draft = draft(handlers.catalogue, event) else { return }
            let isNew = try await handlers.store.insert(
                draft, eventID: context.eventID, at: handlers.clock.now(), in: tx)
            if isNew, draft.kind.isMailed { tx.afterCommit(handlers.wakeMail) }
        }
    }
}
