import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime

/// An order without its lines: what transitions look at.
struct Order: Sendable, Hashable {
    let id: OrderID
    /// For people; says nothing of other orders.
    let number: String
    let customerID: UserID
    var status: OrderStatus
    let total: Money
    /// In the total's currency; never above it, never falling.
    var refunded: Money
    let lineCount: Int
    /// The customer's own reference, such as a purchase order number.
    let reference: String?
    let address: Address
    /// Why the order is being or was ended.
    var cancelReason: CancelReason?
    /// Whether money had been taken when the order began to end.
    var wasPaid: Bool
    var payment: OrderPayment?
    /// Why checkout was refused; set while it is undone and after.
    var failure: CheckoutRefusal?
    /// When the time to pay ends.
    var expiresAt: Timestamp
    let createdAt: Timestamp
    var placedAt: Timestamp?
    var paidAt: Timestamp?
}

/// What an order knows of its payment.
struct OrderPayment: Sendable, Hashable {
    let id: PaymentID
    /// The intent's state as last heard: `pending`, `authorized`, `captured`, `failed` or `cancelled`.
    let state: String
    /// The provider's page where the customer pays.
    let payURL: String?
}

enum CancelReason: String, Sendable, CaseIterable, Hashable {
    case customer
    case expired
    case paymentFailed = "payment_failed"
    case checkoutFailed = "checkout_failed"
}

/// A line as it was frozen at checkout.
struct OrderLine: Sendable, Hashable {
    let id: OrderLineID
    let vendorOrderID: VendorOrderID
    /// The cart's line that was bought; it leaves the cart when the order stands.
    let cartItemID: CartItemID
    let variantID: VariantID
    let productID: ProductID
    let sku: String
    let title: String
    let attributes: [String: String]
    let quantity: Int
    let unitPrice: Money
    /// Unit price times quantity.
    let total: Money
}

/// What one store fulfils of an order.
struct OrderPart: Sendable, Hashable {
    let vendorOrderID: VendorOrderID
    let vendorID: VendorID
    let storeID: StoreID
    let storeName: String
    var status: PartStatus
    let total: Money
}

/// A parcel, as the vendor service told of it.
struct OrderShipment: Sendable, Hashable {
    let id: ShipmentID
    let vendorOrderID: VendorOrderID
    let carrier: String
    let trackingNumber: String?
    let lines: [ShippedLine]
    let shippedAt: Timestamp
}

struct ShippedLine: Sendable, Hashable, Codable {
    let lineID: OrderLineID
    let sku: String
    let quantity: Int
}

/// A return, as the vendor service told of it.
struct OrderReturn: Sendable, Hashable {
    enum Status: String, Sendable, CaseIterable {
        case requested, approved, rejected
    }

    let id: ReturnID
    /// Nil when only its rejection was heard of.
    let vendorOrderID: VendorOrderID?
    let status: Status
    let amount: Money?
    /// Why it was rejected.
    let reason: String?
}

/// An order with everything that belongs to it.
struct OrderDetail: Sendable, Hashable {
    var order: Order
    /// In the cart's order.
    let lines: [OrderLine]
    let parts: [OrderPart]
    var shipments: [OrderShipment] = []
    var returns: [OrderReturn] = []
}

/// Where an order goes.
struct Address: Sendable, Hashable, Codable {
    let name: String
    let line1: String
    let line2: String?
    let city: String
    let region: String?
    let postalCode: String
    /// ISO 3166-1 alpha-2.
    let country: String
}

/// Order numbers: `S-` and eight Crockford base32 characters (40 random bits), so that a number tells nothing of how
/// many others were placed and can be read out on the telephone.
enum OrderNumber {
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")

    static func random(using generator: inout some RandomNumberGenerator) -> String {
        var bits = generator.next() as UInt64
        var characters: [Character] = []
        for index in 0..<8 {
            if index == 4 { characters.append("-") }
            characters.append(alphabet[Int(bits & 31)])
            bits >>= 5
        }
        return "S-" + String(characters)
    }
}
