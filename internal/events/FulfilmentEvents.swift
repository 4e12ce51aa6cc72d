import SoukCloudEvents
package import SoukIDs
package import SoukIdentifiers
package import SoukMoney

/// A quantity of one line of an order.
package struct LineQuantityPayload: Codable, Sendable, Hashable {
    package let lineId: OrderLineID
    package let sku: String
    package let quantity: Int

    package init(lineId: OrderLineID, sku: String, quantity: Int) {
        self.lineId = lineId
        self.sku = sku
        self.quantity = quantity
    }
}

/// A vendor has a new order to fulfil.
package struct VendorOrderCreated: Event {
    package static var type: String { "vendor_order.created.v1" }
    package static var topic: String { Topic.vendorOrders.rawValue }
    package var key: String { orderId.description }

    package let vendorOrderId: VendorOrderID
    package let orderId: OrderID
    package let number: String
    package let vendorId: VendorID
    package let ownerId: UserID
    package let storeId: StoreID
    package let total: Money

    package init(
        vendorOrderId: VendorOrderID, orderId: OrderID, number: String, vendorId: VendorID, ownerId: UserID,
        storeId: StoreID, total: Money
    ) {
        self.vendorOrderId = vendorOrderId
        self.orderId = orderId
        self.number = number
        self.vendorId = vendorId
        self.ownerId = ownerId
        self.storeId = storeId
        self.total = total
    }
}

/// A vendor's part of an order moved on: `accepted`, `partially_shipped`, `shipped`, `delivered` or `cancelled`.
package struct VendorOrderChanged: Event {
    package static var type: String { "vendor_order.changed.v1" }
    package static var topic: String { Topic.vendorOrders.rawValue }
    package var key: String { orderId.description }

    package let vendorOrderId: VendorOrderID
    package let orderId: OrderID
    package let number: String
    package let customerId: UserID
    package let vendorId: VendorID
    package let status: String

    package init(
        vendorOrderId: VendorOrderID, orderId: OrderID, number: String, customerId: UserID,
        vendorId: VendorID,
        status: String
    ) {
        self.vendorOrderId = vendorOrderId
        self.orderId = orderId
        self.number = number
        self.customerId = customerId
        self.vendorId = vendorId
        self.status = status
    }
}

/// A parcel left a store.
package struct ShipmentCreated: Event {
    package static var type: String { "vendor_order.shipment_created.v1" }
    package static var topic: String { Topic.vendorOrders.rawValue }
    package var key: String { orderId.description }

    package let shipmentId: ShipmentID
    package let vendorOrderId: VendorOrderID
    package let orderId: OrderID
    package let number: String
    package let customerId: UserID
    package let vendorId: VendorID
    package let carrier: String
    package let trackingNumber: String?
    package let lines: [LineQuantityPayload]

    package init(
        shipmentId: ShipmentID, vendorOrderId: VendorOrderID, orderId: OrderID, number: String,
        customerId: UserID,
        vendorId: VendorID, carrier: String, trackingNumber: String?, lines: [LineQuantityPayload]
    ) {
        self.shipmentId = shipmentId
        self.vendorOrderId = vendorOrderId
        self.orderId = orderId
        self.number = number
        self.customerId = customerId
        self.vendorId = vendorId
        self.carrier = carrier
        self.trackingNumber = trackingNumber
        self.lines = lines
    }
}

/// A customer asks to send something back.
package struct ReturnRequested: Event {
    package static var type: String { "return.requested.v1" }
    package static var topic: String { Topic.returns.rawValue }
    package var key: String { orderId.description }

    package let returnId: ReturnID
    package let vendorOrderId: VendorOrderID
    package let orderId: OrderID
    package let number: String
    package let customerId: UserID
    package let vendorId: VendorID
    package let ownerId: UserID
    package let amount: Money

    package init(
        returnId: ReturnID, vendorOrderId: VendorOrderID, orderId: OrderID, number: String,
        customerId: UserID,
        vendorId: VendorID, ownerId: UserID, amount: Money
    ) {
        self.returnId = returnId
        self.vendorOrderId = vendorOrderId
        self.orderId = orderId
        self.number = number
        self.customerId = customerId
        self.vendorId = vendorId
        self.ownerId = ownerId
        self.amount = amount
    }
}

/// A vendor took something back: this much is to be refunded.
package struct ReturnApproved: Event {
    package static var type: String { "return.approved.v1" }
    package static var topic: String { Topic.returns.rawValue }
    package var key: String { orderId.description }

    package let returnId: ReturnID
    package let vendorOrderId: VendorOrderID
    package let orderId: OrderID
    package let number: String
    package let customerId: UserID
    package let vendorId: VendorID
    /// Frozen unit prices times quantities.
    package let amount: Money
    package let lines: [LineQuantityPayload]
    package let restocked: Bool

    package init(
        returnId: ReturnID, vendorOrderId: VendorOrderID, orderId: OrderID, number: String,
        customerId: UserID,
        vendorId: VendorID, amount: Money, lines: [LineQuantityPayload], restocked: Bool
    ) {
        self.returnId = returnId
        self.vendorOrderId = vendorOrderId
        self.orderId = orderId
        self.number = number
        self.customerId = customerId
        self.vendorId = vendorId
        self.amount = amount
        self.lines = lines
        self.restocked = restocked
    }
}

/// A vendor declined a return.
package struct ReturnRejected: Event {
    package static var type: String { "return.rejected.v1" }
    package static var topic: String { Topic.returns.rawValue }
    package var key: String { orderId.description }

    package let returnId: ReturnID
    package let orderId: OrderID
    package let number: String
    package let customerId: UserID
    package let reason: String

    package init(returnId: ReturnID, orderId: OrderID, number: String, customerId: UserID, reason: String) {
        self.returnId = returnId
        self.orderId = orderId
        self.number = number
        self.customerId = customerId
        self.reason = reason
    }
}
