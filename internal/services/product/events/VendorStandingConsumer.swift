import SoukDatabase
import SoukEvents
import SoukEventsRuntime

/// Takes the products of suspended and rejected vendors off the shelf, and puts them back when they are active again.
struct VendorStandingConsumer: Sendable {
    let products: SQLProductStore

    static let events: EventHandlerTable<Self> = [
        .on(VendorStatusChanged.self, isolation: .readCommitted) { consumer, event, context, tx in
            try await consumer.handle(event, context, in: tx)
        }
    ]

    private func handle(
        _ event: VendorStatusChanged, _ context: EventContext, in tx: any Transaction
    ) async throws {
        switch event.status {
        case "active": try await products.putOnShelf(event.vendorId, in: tx)
        case "suspended", "rejected":
            try await products.takeOffShelf(event.vendorId, at: context.time, in: tx)
        default: break
        }
    }
}
