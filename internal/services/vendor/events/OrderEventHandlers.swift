import SoukDatabase
import SoukEvents
import SoukEventsRuntime

/// What the vendor service does about other services' events.
struct OrderEventHandlers: Sendable {
    let orders: PaidOrders

    static let events: EventHandlerTable<Self> = [
        .on(OrderPaid.self, isolation: .readCommitted) { handlers, event, _, tx in
            try await handlers.orders.fulfil(event, tx)
        },
        .on(OrderCancelled.self, isolation: .readCommitted) { handlers, event, _, tx in
            try await handlers.orders.giveUp(event, tx)
        },
    ]
}
