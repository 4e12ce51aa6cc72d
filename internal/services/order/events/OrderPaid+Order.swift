import Foundation
import SoukCloudEvents
import SoukEvents
import SoukEventsRuntime
import SoukIdentifiers

extension OrderPaid {
    /// The event of an order with its frozen lines, by part.
    init(_ order: Order, lines: [OrderLine], parts: [OrderPart], payment: PaymentID) {
        let linesOfPart = Dictionary(grouping: lines, by: \.vendorOrderID)
        self.init(
            orderId: order.id, number: order.number, customerId: order.customerID, paymentId: payment,
            total: order.total, shippingAddress: AddressPayload(order.address),
            parts: parts.map { part in
                VendorPartPayload(
                    vendorOrderId: part.vendorOrderID, vendorId: part.vendorID, storeId: part.storeID,
                    lines: (linesOfPart[part.vendorOrderID] ?? []).map(OrderLinePayload.init),
                    total: part.total)
            })
    }

    /// Whether the event fits the outbox, with room for what surrounds its data.
    var isPublishable: Bool {
        get throws {
            try EventEnvelope.encoder.encode(self).count + 1_024 <= Outbox.maximumBytes
        }
    }
}

extension OrderLinePayload {
    fileprivate init(_ line: OrderLine) {
        self.init(
            lineId: line.id, variantId: line.variantID, sku: line.sku, title: line.title,
            attributes: line.attributes, quantity: line.quantity, unitPrice: line.unitPrice, total: line.total
        )
    }
}

extension AddressPayload {
    fileprivate init(_ address: Address) {
        self.init(
            name: address.name, line1: address.line1, line2: address.line2, city: address.city,
            region: address.region, postalCode: address.postalCode, country: address.country)
    }
}
