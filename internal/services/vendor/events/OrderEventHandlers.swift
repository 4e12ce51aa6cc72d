import SoukDatabase
import SoukEvents
import SoukEventsRuntime

/// What the vendor service does about other services' events.
enum OrderEventHandlers {
    static func all(_ orders: PaidOrders) -> [EventHandler] {
        [
            .on(OrderPaid.self, isolation: .readCommitted) { event, _, tx in
                try await orders.fulfil(event, tx)
            },
            .on(OrderCancelled.self, isolation: .readCommitted) { event, _, tx in
                try await orders.giveUp(event, tx)
            },
        ]
    }
}
