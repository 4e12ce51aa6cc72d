import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

struct VendorOrderResponse: Encodable, Sendable {
    struct Line: Encodable, Sendable {
        let id: OrderLineID
        let variantId: VariantID
        let sku: String
        let title: String
        let attributes: [String: String]
        let quantity: Int
        let shippedQuantity: Int
        /// In returns that were requested or approved.
        let returnedQuantity: Int
        let unitPrice: Money
        let total: Money
    }

    let id: VendorOrderID
    let orderId: OrderID
    let number: String
    let customerId: UserID
    let vendorId: VendorID
    let storeId: StoreID
    let status: String
    let backordered: Bool
    let total: Money
    let shippingAddress: ShippingAddress
    let lines: [Line]
    let shipments: [ShipmentResponse]
    let createdAt: Timestamp
    let updatedAt: Timestamp

    init(_ order: VendorOrder) {
        id = order.id
        orderId = order.orderID
        number = order.number
        customerId = order.customerID
        vendorId = order.vendorID
        storeId = order.storeID
        status = order.status.rawValue
        backordered = order.isBackordered
        total = order.total
        shippingAddress = order.address
        lines = order.lines.map {
            Line(
                id: $0.id, variantId: $0.variantID, sku: $0.sku, title: $0.title, attributes: $0.attributes,
                quantity: $0.quantity, shippedQuantity: $0.shipped, returnedQuantity: $0.claimed,
                unitPrice: $0.unitPrice, total: $0.total)
        }
        shipments = order.shipments.map { ShipmentResponse($0, of: order) }
        createdAt = order.createdAt
        updatedAt = order.updatedAt
    }
}

struct ShipmentResponse: Encodable, Sendable {
    struct Line: Encodable, Sendable {
        let lineId: OrderLineID
        let sku: String
        let quantity: Int
    }

    let id: ShipmentID
    let vendorOrderId: VendorOrderID
    /// How far the whole vendor order is.
    let vendorOrderStatus: String
    let carrier: String
    let trackingNumber: String?
    let status: String
    let lines: [Line]
    let createdAt: Timestamp
    let deliveredAt: Timestamp?

    init(_ shipment: Shipment, of order: VendorOrder) {
        id = shipment.id
        vendorOrderId = shipment.vendorOrderID
        vendorOrderStatus = order.status.rawValue
        carrier = shipment.carrier
        trackingNumber = shipment.trackingNumber
        status = shipment.status.rawValue
        lines = shipment.lines.map {
            Line(lineId: $0.lineID, sku: order.line($0.lineID)?.sku ?? "", quantity: $0.quantity)
        }
        createdAt = shipment.createdAt
        deliveredAt = shipment.deliveredAt
    }
}

struct ReturnResponse: Encodable, Sendable {
    struct Line: Encodable, Sendable {
        let lineId: OrderLineID
        let sku: String
        let title: String
        let quantity: Int
        let unitPrice: Money
        let amount: Money
    }

    let id: ReturnID
    let vendorOrderId: VendorOrderID
    let orderId: OrderID
    let number: String
    let customerId: UserID
    let vendorId: VendorID
    let storeId: StoreID
    let status: String
    let reason: String
    let rejectionReason: String?
    let restocked: Bool?
    let amount: Money
    let lines: [Line]
    let requestedAt: Timestamp
    let decidedAt: Timestamp?

    init(_ request: ReturnCase) {
        id = request.id
        vendorOrderId = request.vendorOrderID
        orderId = request.orderID
        number = request.number
        customerId = request.customerID
        vendorId = request.vendorID
        storeId = request.storeID
        status = request.status.rawValue
        reason = request.reason
        rejectionReason = request.rejectionReason
        restocked = request.isRestocked
        amount = request.amount
        lines = request.lines.map {
            Line(
                lineId: $0.lineID, sku: $0.sku, title: $0.title, quantity: $0.quantity,
                unitPrice: $0.unitPrice,
                amount: $0.amount)
        }
        requestedAt = request.requestedAt
        decidedAt = request.decidedAt
    }
}
