import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukProductKernel
import SoukTime
import SoukVendorKernel

/// A cart on the wire.
struct CartResponse: Encodable, Sendable {
    let items: [Item]
    /// What can be bought, one sum per currency.
    let totals: [Money]
    let itemCount: Int
    /// Sent once, when the guest's cart is made.
    let cartToken: String?
    let updatedAt: Timestamp?

    struct Item: Encodable, Sendable {
        let id: CartItemID
        let variantId: VariantID
        let storeId: StoreID
        let storeName: String?
        let productId: ProductID?
        let vendorId: VendorID?
        let sku: String?
        let title: String?
        let attributes: [String: String]?
        let quantity: Int
        let unitPrice: Money?
        let total: Money?
        let available: Int?
        let purchasable: Bool
        let reason: String?
    }

    init(_ view: CartView) {
        items = view.priced.lines.map(Item.init)
        totals = view.priced.totals
        itemCount = view.priced.lines.reduce(0) { $0 + $1.item.quantity }
        cartToken = view.newToken
        updatedAt = view.priced.cart?.updatedAt
    }
}

extension CartResponse.Item {
    init(_ line: PricedLine) {
        // A product that isn't published any more is nobody's business: its name and price stay hidden.
        let variant = line.problem == .variantUnavailable ? nil : line.variant
        id = line.item.id
        variantId = line.item.variantID
        storeId = line.item.storeID
        storeName = line.offer?.storeName
        productId = variant?.productID
        vendorId = variant?.vendorID
        sku = variant?.sku
        title = variant?.title
        attributes = variant?.attributes
        quantity = line.item.quantity
        unitPrice = variant?.price
        total = variant == nil ? nil : line.total
        available = line.offer?.available
        purchasable = line.problem == nil
        reason = line.problem?.rawValue
    }
}
