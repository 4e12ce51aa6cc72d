import SoukDatabase
import SoukErrors
import SoukEvents
import SoukEventsRuntime
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

/// Turns paid orders into vendor orders, and cancelled ones into free stock.
struct PaidOrders: Sendable {
    let reservations: Reservations
    let ledger: StockLedger
    let outbox: Outbox
    let clock: any WallClock

    /// Sells what was held and gives each store its part. Doing it again changes nothing.
    ///
    /// An order keeps its hold for longer than its customer may take to pay, so the hold is normally there. Where it has
    /// ended all the same, the stock is taken again if it still can be; a part that comes too late is created as
    /// backordered, and its vendor can accept it once there is stock.
    func fulfil(_ order: OrderPaid, _ tx: any Transaction) async throws {
        let now = clock.now()
        try await ReservationTable.lock(order.orderId, tx)
        guard try await !ReservationTable.isCancelled(order.orderId, tx) else {
            try await reservations.release(order.orderId, at: now, tx)
            return
        }
        guard try await !VendorOrderTable.exists(of: order.orderId, tx) else { return }
        try await reservations.commit(order.orderId, at: now, tx)
        let vendors = Dictionary(
            try await VendorTable.list(Array(Set(order.parts.map(\.vendorId))), tx).map { ($0.id, $0) }
        ) { first, _ in first }
        let entry = StockLedger.Entry(reason: .sale, reference: order.orderId.description, now: now)
        for part in order.parts.sorted(by: { $0.storeId < $1.storeId }) {
            guard let vendor = vendors[part.vendorId] else {
                throw Self.malformed("order \(order.orderId): no vendor \(part.vendorId)")
            }
            let stock = StockQuantities(
                part.lines.map { (StockKey(storeID: part.storeId, sku: $0.sku), $0.quantity) })
            let short = try await ledger.take(stock, entry, tx)
            let vendorOrder = try Self.vendorOrder(part, of: order, isBackordered: !short.isEmpty, at: now)
            try await VendorOrderTable.insert(vendorOrder, tx)
            try await outbox.append(
                VendorOrderCreated(
                    vendorOrderId: vendorOrder.id, orderId: order.orderId, number: order.number,
                    vendorId: vendor.id, ownerId: vendor.ownerID, storeId: part.storeId, total: part.total),
                in: tx)
        }
    }

    /// Gives the stock of an order back that is not to be paid any more. What was sold already is
    /// ``Fulfilment/cancel(_:releasing:)``'s business.
    func giveUp(_ order: OrderCancelled, _ tx: any Transaction) async throws {
        try await reservations.release(order.orderId, at: clock.now(), tx)
    }

    private static func vendorOrder(
        _ part: VendorPartPayload, of order: OrderPaid, isBackordered: Bool, at now: Timestamp
    ) throws -> VendorOrder {
        let currency = part.total.currency
        guard part.lines.allSatisfy({ $0.unitPrice.currency == currency && $0.total.currency == currency })
        else {
            throw malformed("order \(order.orderId): one part in several currencies")
        }
        let address = order.shippingAddress
        return VendorOrder(
            id: part.vendorOrderId, orderID: order.orderId, number: order.number,
            customerID: order.customerId,
            vendorID: part.vendorId, storeID: part.storeId, status: .new, isBackordered: isBackordered,
            total: part.total,
            address: ShippingAddress(
                name: address.name, line1: address.line1, line2: address.line2, city: address.city,
                region: address.region, postalCode: address.postalCode, country: address.country),
            lines: part.lines.map {
                VendorOrderLine(
                    id: $0.lineId, variantID: $0.variantId, sku: $0.sku, title: $0.title,
                    attributes: $0.attributes, quantity: $0.quantity, shipped: 0, claimed: 0,
                    unitPrice: $0.unitPrice, total: $0.total)
            },
            shipments: [], createdAt: now, updatedAt: now)
    }

    /// An event that no retry can make sense of.
    private static func malformed(_ detail: String) -> ServiceError {
        ServiceError(
            .invalid, code: "order.malformed", message: "The order can't be fulfilled.", detail: detail)
    }
}
