import SoukCloudEvents
package import SoukIDs
package import SoukIdentifiers
package import SoukMoney
package import SoukTime

/// A line of an order as it was frozen at checkout.
package struct OrderLinePayload: Codable, Sendable, Hashable {
    package let lineId: OrderLineID
    package let variantId: VariantID
    package let sku: String
    package let title: String
    package let attributes: [String: String]
    package let quantity: Int
    package let unitPrice: Money
    package let total: Money

    package init(
        lineId: OrderLineID, variantId: VariantID, sku: String, title: String, attributes: [String: String],
        quantity: Int, unitPrice: Money, total: Money
    ) {
        self.lineId = lineId
        self.variantId = variantId
        self.sku = sku
        self.title = title
        self.attributes = attributes
        self.quantity = quantity
        self.unitPrice = unitPrice
        self.total = total
    }
}

/// The part of an order that one store fulfils.
package struct VendorPartPayload: Codable, Sendable, Hashable {
    package let vendorOrderId: VendorOrderID
    package let vendorId: VendorID
    package let storeId: StoreID
    package let lines: [OrderLinePayload]
    package let total: Money

    package init(
        vendorOrderId: VendorOrderID, vendorId: VendorID, storeId: StoreID, lines: [OrderLinePayload],
        total: Money
    ) {
        self.vendorOrderId = vendorOrderId
        self.vendorId = vendorId
        self.storeId = storeId
        self.lines = lines
        self.total = total
    }
}

/// Where an order goes.
package struct AddressPayload: Codable, Sendable, Hashable {
    package let name: String
    package let line1: String
    package let line2: String?
    package let city: String
    package let region: String?
    package let postalCode: String
    /// ISO 3166-1 alpha-2.
    package let country: String

    package init(
        name: String, line1: String, line2: String?, city: String, region: String?, postalCode: String,
        country: String
    ) {
        self.name = name
        self.line1 = line1
        self.line2 = line2
        self.city = city
        self.region = region
        self.postalCode = postalCode
        self.country = country
    }
}

/// Checkout succeeded: stock is held and a payment awaits the customer.
package struct OrderPlaced: Event {
    package static var type: String { "order.placed.v1" }
    package static var topic: String { Topic.orders.rawValue }
    package var key: String { orderId.description }

    package let orderId: OrderID
    package let number: String
    package let customerId: UserID
    package let total: Money
    package let expiresAt: Timestamp

    package init(orderId: OrderID, number: String, customerId: UserID, total: Money, expiresAt: Timestamp) {
        self.orderId = orderId
        self.number = number
        self.customerId = customerId
        self.total = total
        self.expiresAt = expiresAt
    }
}

/// An order was paid in full; vendors may fulfil their parts.
package struct OrderPaid: Event {
    package static var type: String { "order.paid.v1" }
    package static var topic: String { Topic.orders.rawValue }
    package var key: String { orderId.description }

    package let orderId: OrderID
    package let number: String
    package let customerId: UserID
    package let paymentId: PaymentID
    package let total: Money
    package let shippingAddress: AddressPayload
    package let parts: [VendorPartPayload]

    package init(
        orderId: OrderID, number: String, customerId: UserID, paymentId: PaymentID, total: Money,
        shippingAddress: AddressPayload, parts: [VendorPartPayload]
    ) {
        self.orderId = orderId
        self.number = number
        self.customerId = customerId
        self.paymentId = paymentId
        self.total = total
        self.shippingAddress = shippingAddress
        self.parts = parts
    }
}

/// An order ended without being fulfilled: by its customer, by time, or because its payment failed.
package struct OrderCancelled: Event {
    package static var type: String { "order.cancelled.v1" }
    package static var topic: String { Topic.orders.rawValue }
    package var key: String { orderId.description }

    package let orderId: OrderID
    package let number: String
    package let customerId: UserID
    /// `customer`, `expired`, `payment_failed` or `checkout_failed`.
    package let reason: String
    /// Whether money had been taken (it is given back by `order.refund_required.v1`).
    package let wasPaid: Bool

    package init(orderId: OrderID, number: String, customerId: UserID, reason: String, wasPaid: Bool) {
        self.orderId = orderId
        self.number = number
        self.customerId = customerId
        self.reason = reason
        self.wasPaid = wasPaid
    }
}

/// All that was captured for this order, less what was already refunded, must go back to the customer.
package struct OrderRefundRequired: Event {
    package static var type: String { "order.refund_required.v1" }
    package static var topic: String { Topic.orders.rawValue }
    package var key: String { orderId.description }

    package let orderId: OrderID
    package let reason: String

    package init(orderId: OrderID, reason: String) {
        self.orderId = orderId
        self.reason = reason
    }
}
