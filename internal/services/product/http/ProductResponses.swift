import SoukIdentifiers
import SoukMoney
import SoukTime

/// A product in an answer.
struct ProductResponse: Encodable, Sendable {
    struct MediaResponse: Encodable, Sendable {
        let url: String
        let alt: String
        let position: Int
    }

    let id: ProductID
    let vendorId: VendorID
    let name: String
    let slug: String
    let description: String
    let status: String
    let categoryIds: [CategoryID]
    let media: [MediaResponse]
    let attributes: [String: String]
    /// The lowest price of an active variant; absent without any.
    let priceFrom: Money?
    /// The highest.
    let priceTo: Money?
    let variants: [VariantResponse]
    let version: Int
    let createdAt: Timestamp
    let updatedAt: Timestamp
    let publishedAt: Timestamp?

    init(_ product: Product, for view: Catalogue.View) {
        id = product.id
        vendorId = product.vendorID
        name = product.name
        slug = product.slug
        description = product.description
        status = product.status.rawValue
        categoryIds = product.categoryIDs
        media = product.media.enumerated().map { MediaResponse(url: $1.url, alt: $1.alt, position: $0) }
        attributes = product.attributes
        let currency = product.variants.first?.price.currency
        let range = product.priceRange
        priceFrom = currency.flatMap { currency in range.map { Money($0.lowerBound, currency) } }
        priceTo = currency.flatMap { currency in range.map { Money($0.upperBound, currency) } }
        variants = (view == .owner ? product.variants : product.activeVariants).map(VariantResponse.init)
        version = product.version
        createdAt = product.createdAt
        updatedAt = product.updatedAt
        publishedAt = product.publishedAt
    }
}

/// A variant in an answer.
struct VariantResponse: Encodable, Sendable {
    let id: VariantID
    let sku: String
    let attributes: [String: String]
    let price: Money
    let position: Int
    let status: String

    init(_ variant: Variant) {
        id = variant.id
        sku = variant.sku
        attributes = variant.attributes
        price = variant.price
        position = variant.position
        status = variant.status.rawValue
    }
}

/// A category in an answer.
struct CategoryResponse: Encodable, Sendable {
    let id: CategoryID
    let parentId: CategoryID?
    let slug: String
    let name: String
    let position: Int
    let version: Int

    init(_ category: Category) {
        id = category.id
        parentId = category.parentID
        slug = category.slug
        name = category.name
        position = category.position
        version = category.version
    }
}

/// A category with all below it.
struct CategoryNodeResponse: Encodable, Sendable {
    let id: CategoryID
    let parentId: CategoryID?
    let slug: String
    let name: String
    let position: Int
    let version: Int
    let children: [CategoryNodeResponse]

    init(_ node: CategoryTree.Node) {
        let category = node.category
        id = category.id
        parentId = category.parentID
        slug = category.slug
        name = category.name
        position = category.position
        version = category.version
        children = node.children.map(CategoryNodeResponse.init)
    }
}
