package import SoukCallContext
package import SoukErrors
package import SoukIdentifiers
package import SoukMoney

/// What the product service offers its peers: variants with their price as it stands now.
package protocol ProductKernel: Sendable {
    /// The variants with these ids, in no particular order; unknown ids are left out.
    ///
    /// - Parameter ids: at most 1,000.
    /// - Throws: ``ProductKernelError/unavailable(_:)``.
    func variants(_ ids: [VariantID], _ context: CallContext) async throws(ProductKernelError)
        -> [VariantSnapshot]
}

/// One variant at one moment; an order freezes what it needs of it.
package struct VariantSnapshot: Sendable, Hashable {
    package let id: VariantID
    package let productID: ProductID
    package let vendorID: VendorID
    package let sku: String
    /// Product name, for people.
    package let title: String
    /// Such as `["colour": "red", "size": "M"]`.
    package let attributes: [String: String]
    package let price: Money
    /// Whether the product is published and the variant not withdrawn.
    package let isPurchasable: Bool

    package init(
        id: VariantID, productID: ProductID, vendorID: VendorID, sku: String, title: String,
        attributes: [String: String], price: Money, isPurchasable: Bool
    ) {
        self.id = id
        self.productID = productID
        self.vendorID = vendorID
        self.sku = sku
        self.title = title
        self.attributes = attributes
        self.price = price
        self.isPurchasable = isPurchasable
    }
}

package enum ProductKernelError: SoukError {
    /// The service or its database can't be reached now; the text is for logs.
    case unavailable(String)

    package var kind: ErrorKind { .unavailable }
    package var code: String { "product.unavailable" }
    package var message: String { "The product service can't be reached right now." }
    package var detail: String? {
        switch self {
        case .unavailable(let detail): detail
        }
    }
}
