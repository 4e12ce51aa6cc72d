import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

/// The part of a paid order that one store fulfils.
struct VendorOrder: Sendable, Hashable {
    let id: VendorOrderID
    let orderID: OrderID
    /// The order's number, for people.
    let number: String
    let customerID: UserID
    let vendorID: VendorID
    let storeID: StoreID
    let status: VendorOrderStatus
    /// True while the stock of this part could not be taken: its hold had ended before the payment arrived.
    let isBackordered: Bool
    let total: Money
    let address: ShippingAddress
    /// In the order of the checkout.
    let lines: [VendorOrderLine]
    /// Oldest first.
    let shipments: [Shipment]
    let createdAt: Timestamp
    let updatedAt: Timestamp

    func line(_ id: OrderLineID) -> VendorOrderLine? { lines.first { $0.id == id } }

    /// What the store gave or gives for it.
    var stock: StockQuantities {
        StockQuantities(lines.map { (StockKey(storeID: storeID, sku: $0.sku), $0.quantity) })
    }
}

/// A line with its price as it was frozen at checkout. `0 ≤ claimed ≤ shipped ≤ quantity` always.
struct VendorOrderLine: Sendable, Hashable {
    let id: OrderLineID
    let variantID: VariantID
    let sku: String
    let title: String
    let attributes: [String: String]
    let quantity: Int
    /// In shipments.
    let shipped: Int
    /// In returns that were requested or approved.
    let claimed: Int
    let unitPrice: Money
    let total: Money

    var unshipped: Int { quantity - shipped }
    var returnable: Int { shipped - claimed }
}

/// Where parcels go. Written as JSON, in the database and to clients.
struct ShippingAddress: Codable, Sendable, Hashable {
    let name: String
    let line1: String
    let line2: String?
    let city: String
    let region: String?
    let postalCode: String
    let country: String
}

/// How far a vendor order is.
enum VendorOrderStatus: String, CaseIterable, Sendable {
    case new, accepted
    case partiallyShipped = "partially_shipped"
    case shipped, delivered, cancelled

    /// Whether nothing of it has left the store.
    var isCancellable: Bool {
        switch self {
        case .new, .accepted, .cancelled: true
        case .partiallyShipped, .shipped, .delivered: false
        }
    }

    /// The status after the vendor accepted; nil when that had been done before.
    ///
    /// Throws: ``VendorError/illegalTransition(_:_:)`` once cancelled.
    func accepting() throws(VendorError) -> VendorOrderStatus? {
        switch self {
        case .new: .accepted
        case .accepted, .partiallyShipped, .shipped, .delivered: nil
        case .cancelled: throw .illegalTransition("accept", self)
        }
    }

    /// The status after a shipment that leaves something or nothing to ship.
    ///
    /// Throws: ``VendorError/illegalTransition(_:_:)`` unless accepted and not shipped in full.
    func shipping(completely: Bool) throws(VendorError) -> VendorOrderStatus {
        switch self {
        case .accepted, .partiallyShipped: completely ? .shipped : .partiallyShipped
        case .new, .shipped, .delivered, .cancelled: throw .illegalTransition("ship", self)
        }
    }

    /// The status after a delivery, when every parcel so far has arrived or not; nil when it stays the same.
    func delivering(everyParcel: Bool) -> VendorOrderStatus? {
        self == .shipped && everyParcel ? .delivered : nil
    }

    /// The status after a cancellation of the whole order; nil when that had been done before.
    ///
    /// Throws: ``VendorError/illegalTransition(_:_:)`` once something has shipped.
    func cancelling() throws(VendorError) -> VendorOrderStatus? {
        guard isCancellable else { throw .illegalTransition("cancel", self) }
        return self == .cancelled ? nil : .cancelled
    }
}

/// A parcel.
struct Shipment: Sendable, Hashable {
    let id: ShipmentID
    let vendorOrderID: VendorOrderID
    let carrier: String
    let trackingNumber: String?
    let status: ShipmentStatus
    let lines: [LineQuantity]
    let createdAt: Timestamp
    let deliveredAt: Timestamp?
}

enum ShipmentStatus: String, CaseIterable, Sendable {
    case shipped, delivered
}

/// A quantity of a line: positive.
struct LineQuantity: Sendable, Hashable {
    let lineID: OrderLineID
    let quantity: Int
}
