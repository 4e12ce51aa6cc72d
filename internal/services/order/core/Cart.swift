import SoukIDs
import SoukIdentifiers
import SoukTime

enum CartTag {}
enum CartItemTag {}
typealias CartID = ID<CartTag>
typealias CartItemID = ID<CartItemTag>

/// Whose cart it is.
enum CartOwner: Sendable, Hashable {
    case user(UserID)
    /// A guest, known by the hash of the token that names the cart.
    case guest(tokenHash: String)
}

/// What somebody means to buy. Prices aren't kept: they are the shop's, and asked for when needed.
struct Cart: Sendable, Hashable {
    static let maximumLines = 1_000
    static let maximumQuantity = 10_000

    let id: CartID
    /// Grows with every change.
    let version: Int
    let updatedAt: Timestamp
    /// In the order in which they were added.
    let items: [CartItem]
}

/// One line; a variant of a store appears once in a cart.
struct CartItem: Sendable, Hashable {
    let id: CartItemID
    let variantID: VariantID
    let storeID: StoreID
    /// 1 to 10,000.
    let quantity: Int
}

/// A line that a request asks for.
struct CartItemRequest: Sendable, Hashable {
    let variantID: VariantID
    /// Nil: the best stocked open store of the vendor.
    let storeID: StoreID?
    let quantity: Int
}

/// The lines of a user's cart after a guest's cart was merged into it.
///
/// Quantities of the same variant and store are added; what goes beyond the limits of a cart is cut off, because a
/// login must not fail for a full cart.
struct CartMerge: Sendable, Hashable {
    /// Lines of the user's cart whose quantity changes.
    private(set) var changed: [CartItem] = []
    /// The guest's lines that move over as they are.
    private(set) var moved: [CartItem] = []

    init(guest: [CartItem], into user: [CartItem]) {
        struct Key: Hashable {
            let variantID: VariantID
            let storeID: StoreID
        }
        let standing = Dictionary(
            user.map { (Key(variantID: $0.variantID, storeID: $0.storeID), $0) },
            uniquingKeysWith: { first, _ in first })
        for item in guest {
            if let own = standing[Key(variantID: item.variantID, storeID: item.storeID)] {
                let sum = min(Cart.maximumQuantity, own.quantity + item.quantity)
                guard sum != own.quantity else { continue }
                changed.append(
                    CartItem(id: own.id, variantID: own.variantID, storeID: own.storeID, quantity: sum))
            } else if user.count + moved.count < Cart.maximumLines {
                moved.append(item)
            }
        }
    }
}
