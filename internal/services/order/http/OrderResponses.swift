import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

/// An order in a list.
struct OrderSummaryResponse: Encodable, Sendable {
    let id: OrderID
    let number: String
    let customerId: UserID
    let status: String
    let reference: String?
    let total: Money
    let refunded: Money
    let lineCount: Int
    let cancelReason: String?
    let createdAt: Timestamp
    let placedAt: Timestamp?
    let paidAt: Timestamp?
    let expiresAt: Timestamp?

    init(_ order: Order) {
        id = order.id
        number = order.number
        customerId = order.customerID
        status = order.status.rawValue
        reference = order.reference
        total = order.total
        refunded = order.refunded
        lineCount = order.lineCount
        cancelReason = order.cancelReason?.rawValue
        createdAt = order.createdAt
        placedAt = order.placedAt
        paidAt = order.paidAt
        expiresAt = order.payableUntil
    }
}

/// An order with everything that belongs to it.
struct OrderResponse: Encodable, Sendable {
    let id: OrderID
    let number: String
    let customerId: UserID
    let status: String
    let reference: String?
    let total: Money
    let refunded: Money
    let lineCount: Int
    let cancelReason: String?
    let createdAt: Timestamp
    let placedAt: Timestamp?
    let paidAt: Timestamp?
    /// The end of the time to pay, while there is something to pay.
    let expiresAt: Timestamp?
    let shippingAddress: AddressResponse
    let payment: PaymentResponse?
    let lines: [LineResponse]
    let parts: [PartResponse]
    let returns: [ReturnResponse]

    init(_ detail: OrderDetail) {
        let order = detail.order
        id = order.id
        number = order.number
        customerId = order.customerID
        status = order.status.rawValue
        reference = order.reference
        total = order.total
        refunded = order.refunded
        lineCount = order.lineCount
        cancelReason = order.cancelReason?.rawValue
        createdAt = order.createdAt
        placedAt = order.placedAt
        paidAt = order.paidAt
        expiresAt = order.payableUntil
        shippingAddress = AddressResponse(order.address)
        payment = order.payment.map {
            PaymentResponse(
                id: $0.id, state: $0.state, payUrl: order.status == .awaitingPayment ? $0.payURL : nil)
        }
        lines = detail.lines.map(LineResponse.init)
        let shipments = Dictionary(grouping: detail.shipments, by: \.vendorOrderID)
        parts = detail.parts.map { PartResponse($0, shipments[$0.vendorOrderID] ?? []) }
        returns = detail.returns.map(ReturnResponse.init)
    }
}

struct AddressResponse: Encodable, Sendable {
    let name: String
    let line1: String
    let line2: String?
    let city: String
    let region: String?
    let postalCode: String
    let country: String

    init(_ address: Address) {
        name = address.name
        line1 = address.line1
        line2 = address.line2
        city = address.city
        region = address.region
        postalCode = address.postalCode
        country = address.country
    }
}

struct PaymentResponse: Encodable, Sendable {
    let id: PaymentID
    let state: String
    /// Where to pay; only while there is something to pay.
    let payUrl: String?
}

struct LineResponse: Encodable, Sendable {
    let id: OrderLineID
    let vendorOrderId: VendorOrderID
    let variantId: VariantID
    let productId: ProductID
    let sku: String
    let title: String
    let attributes: [String: String]
    let quantity: Int
    let unitPrice: Money
    let total: Money

    init(_ line: OrderLine) {
        id = line.id
        vendorOrderId = line.vendorOrderID
        variantId = line.variantID
        productId = line.productID
        sku = line.sku
        title = line.title
        attributes = line.attributes
        quantity = line.quantity
        unitPrice = line.unitPrice
        total = line.total
    }
}

struct PartResponse: Encodable, Sendable {
    let vendorOrderId: VendorOrderID
    let vendorId: VendorID
    let storeId: StoreID
    let storeName: String
    let status: String
    let total: Money
    let shipments: [ShipmentResponse]

    init(_ part: OrderPart, _ shipments: [OrderShipment]) {
        vendorOrderId = part.vendorOrderID
        vendorId = part.vendorID
        storeId = part.storeID
        storeName = part.storeName
        status = part.status.rawValue
        total = part.total
        self.shipments = shipments.map(ShipmentResponse.init)
    }
}

struct ShipmentResponse: Encodable, Sendable {
    let id: ShipmentID
    let carrier: String
    let trackingNumber: String?
    let shippedAt: Timestamp
    let lines: [Line]

    struct Line: Encodable, Sendable {
        let lineId: OrderLineID
        let sku: String
        let quantity: Int
    }

    init(_ shipment: OrderShipment) {
        id = shipment.id
        carrier = shipment.carrier
        trackingNumber = shipment.trackingNumber
        shippedAt = shipment.shippedAt
        lines = shipment.lines.map { Line(lineId: $0.lineID, sku: $0.sku, quantity: $0.quantity) }
    }
}

struct ReturnResponse: Encodable, Sendable {
    let id: ReturnID
    let vendorOrderId: VendorOrderID?
    let status: String
    let amount: Money?
    let reason: String?

    init(_ record: OrderReturn) {
        id = record.id
        vendorOrderId = record.vendorOrderID
        status = record.status.rawValue
        amount = record.amount
        reason = record.reason
    }
}

/// What a pass of the reconciler found.
struct ReconcilerResponse: Encodable, Sendable {
    let ordersChecked: Int
    let paymentsChecked: Int
    /// Findings by kind; kinds without any are left out.
    let counts: [String: Int]
    /// At most 100 of them.
    let findings: [Finding]

    struct Finding: Encodable, Sendable {
        let kind: String
        let orderId: OrderID
    }

    init(_ report: ReconcilerReport) {
        ordersChecked = report.ordersChecked
        paymentsChecked = report.paymentsChecked
        counts = Dictionary(uniqueKeysWithValues: report.counts.map { ($0.key.rawValue, $0.value) })
        findings = report.findings.map { Finding(kind: $0.kind.rawValue, orderId: $0.orderID) }
    }
}

extension Order {
    fileprivate var payableUntil: Timestamp? {
        status == .awaitingPayment || status == .creating ? expiresAt : nil
    }
}
