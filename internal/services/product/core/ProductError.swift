import SoukErrors

/// Why the product service refused.
enum ProductError: SoukError, Hashable {
    /// No such product, or one that the caller may not know of.
    case unknownProduct
    case unknownVariant
    case unknownCategory
    /// The caller owns no active vendor.
    case vendorRequired
    case versionMismatch
    case slugTaken
    case skuTaken([String])
    case illegalTransition(from: ProductStatus, to: ProductStatus)
    case noActiveVariant
    case tooManyVariants
    /// The vendor has as many products as are allowed; the number is the limit.
    case tooManyProducts(Int)
    case mixedCurrencies
    case unknownParent
    case categorySlugTaken
    case categoryVersionMismatch
    /// It has products or categories below it.
    case categoryNotEmpty
    case categoryCycle
    case categoryTooDeep

    var kind: ErrorKind {
        switch self {
        case .unknownProduct, .unknownVariant, .unknownCategory: .notFound
        case .vendorRequired: .forbidden
        case .versionMismatch, .categoryVersionMismatch: .preconditionFailed
        case .mixedCurrencies, .unknownParent, .tooManyProducts: .unprocessable
        case .slugTaken, .skuTaken, .illegalTransition, .noActiveVariant, .tooManyVariants,
            .categorySlugTaken,
            .categoryNotEmpty, .categoryCycle, .categoryTooDeep:
            .conflict
        }
    }

    var code: String {
        switch self {
        case .unknownProduct: "product.not_found"
        case .unknownVariant: "variant.not_found"
        case .unknownCategory: "category.not_found"
        case .vendorRequired: "vendor.required"
        case .versionMismatch: "product.version_mismatch"
        case .slugTaken: "product.slug_taken"
        case .skuTaken: "product.sku_taken"
        case .illegalTransition: "product.illegal_transition"
        case .noActiveVariant: "product.no_active_variant"
        case .tooManyVariants: "product.too_many_variants"
        case .tooManyProducts: "limit.products"
        case .mixedCurrencies: "product.mixed_currencies"
        case .unknownParent: "category.unknown_parent"
        case .categorySlugTaken: "category.slug_taken"
        case .categoryVersionMismatch: "category.version_mismatch"
        case .categoryNotEmpty: "category.not_empty"
        case .categoryCycle: "category.cycle"
        case .categoryTooDeep: "category.too_deep"
        }
    }

    var message: String {
        switch self {
        case .unknownProduct: "There is no such product."
        case .unknownVariant: "The product has no such variant."
        case .unknownCategory: "There is no such category."
        case .vendorRequired: "Only the owner of an active vendor may do this."
        case .versionMismatch: "The product has changed since it was read."
        case .slugTaken: "Another product of this vendor has this slug."
        case .skuTaken(let skus): "The vendor has these SKUs already: \(skus.joined(separator: ", "))."
        case .illegalTransition(let from, let to):
            "A product that is \(from.rawValue) can't become \(to.rawValue)."
        case .noActiveVariant:
            "A published product needs at least one active variant; archive the product instead."
        case .tooManyVariants: "A product has at most \(Product.maxVariants) variants."
        case .tooManyProducts(let limit):
            "A vendor has at most \(limit) products, drafts and archived ones among them."
        case .mixedCurrencies: "All variants of a product are priced in one currency."
        case .unknownParent: "There is no such category to put it into."
        case .categorySlugTaken: "Another category has this slug."
        case .categoryVersionMismatch: "The category has changed since it was read."
        case .categoryNotEmpty: "The category still has products or categories in it."
        case .categoryCycle: "A category can't lie below itself."
        case .categoryTooDeep: "Categories nest at most \(CategoryTree.maxDepth) deep."
        }
    }

    var fieldErrors: [FieldError] {
        switch self {
        case .skuTaken(let skus):
            skus.map { FieldError(field: "sku", code: "taken", message: "The SKU \($0) is taken.") }
        case .unknownParent: [FieldError(field: "parent_id", code: "unknown", message: message)]
        default: []
        }
    }
}
