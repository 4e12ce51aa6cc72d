import SoukIdentifiers
import SoukIDs
import SoukMoney
import SoukText

/// One form of a product that can be put into a cart.
struct Variant: Sendable, Hashable {
    enum Status: String, CaseIterable, Sendable {
        case active
        /// Not sold any more; orders may still name it.
        case withdrawn
    }

    let id: VariantID
    /// Unique within the vendor, for good.
    let sku: String
    /// Such as `["colour": "red", "size": "M"]`.
    var attributes: [String: String]
    /// Positive.
    var price: Money
    var position: Int
    var status: Status

    init(
        id: VariantID = VariantID(), sku: String, attributes: [String: String] = [:], price: Money,
        position: Int = 0, status: Status = .active
    ) {
        self.id = id
        self.sku = sku
        self.attributes = attributes
        self.price = price
        self.position = position
        self.status = status
    }

    init(_ draft: VariantDraft, position: Int) {
        self.init(sku: draft.sku, attributes: draft.attributes, price: draft.price, position: position)
    }

    static let positions = 0...10_000
    /// What one piece may cost at most, in minor units: sums over carts stay far from overflow.
    static let maxPrice: Int64 = 1_000_000_000_000

    /// What is wrong with a SKU, nil when nothing is: 1 to 64 printable ASCII characters, blanks only inside and no
    /// commas, which separate SKUs in queries about stock.
    static func complaint(aboutSKU sku: String) -> String? {
        let isPrintable = sku.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: ",") }
        guard isPrintable, !sku.isEmpty, sku.utf8.count <= 64, !sku.hasPrefix(bytes: " "),
            !sku.hasSuffix(bytes: " ")
        else {
            return "The value must have 1 to 64 printable ASCII characters, no comma, no blanks at its ends."
        }
        return nil
    }
}

/// A variant to be made.
struct VariantDraft: Sendable, Hashable {
    let sku: String
    let attributes: [String: String]
    let price: Money
    /// Nil: behind the others.
    let position: Int?

    init(sku: String, attributes: [String: String] = [:], price: Money, position: Int? = nil) {
        self.sku = sku
        self.attributes = attributes
        self.price = price
        self.position = position
    }
}

/// What to change of a variant; nil leaves as it is.
struct VariantChange: Sendable, Hashable {
    var price: Money?
    var attributes: [String: String]?
    var status: Variant.Status?
    var position: Int?
}

/// A picture, or anything else with an address, that shows the product.
struct Media: Sendable, Hashable {
    /// Absolute, http or https, without credentials.
    let url: String
    /// For those who can't see it.
    let alt: String
}
