import SoukIdentifiers
import SoukPagination
import SoukTime

/// A product to be made.
struct ProductDraft: Sendable, Hashable {
    var name: String
    /// Nil: made from the name.
    var slug: String?
    var description: String
    /// Draft or published.
    var status: ProductStatus
    var categoryIDs: [CategoryID]
    var media: [Media]
    var attributes: [String: String]
    /// 1 to 100, with distinct SKUs.
    var variants: [VariantDraft]
}

/// What to change of a product; nil leaves as it is.
struct ProductChange: Sendable, Hashable {
    var name: String?
    var slug: String?
    var description: String?
    var status: ProductStatus?
    var categoryIDs: [CategoryID]?
    var media: [Media]?
    var attributes: [String: String]?
}

/// What vendors do with their own products. Another vendor's product is one there isn't.
struct ProductEditor: Sendable {
    let products: any ProductStore
    let clock: any WallClock

    func stockroom(_ query: StockroomQuery, _ page: PageRequest) async throws -> Page<Product> {
        try await products.stockroom(query, page)
    }

    /// - Throws: ``ProductError/unknownProduct``.
    func product(_ id: ProductID, of vendor: VendorID) async throws -> Product {
        guard let product = try await products.product(id), product.vendorID == vendor else {
            throw ProductError.unknownProduct
        }
        return product
    }

    /// Makes a product.
    ///
    /// - Parameter key: The caller's idempotency key; the product made with it before is returned instead.
    /// - Throws: as ``ProductStore/create(_:slugIsGiven:creationKey:)``.
    func create(_ draft: ProductDraft, for vendor: VendorID, key: String?) async throws -> Product {
        let variants = draft.variants.enumerated().map { index, variant in
            Variant(variant, position: variant.position ?? index)
        }
        let product = Product(
            vendorID: vendor, name: draft.name,
            slug: draft.slug ?? Slug.make(from: draft.name, fallback: "product"),
            description: draft.description,
            status: draft.status, categoryIDs: draft.categoryIDs, media: draft.media,
            attributes: draft.attributes,
            variants: variants.sorted { ($0.position, $0.id) < ($1.position, $1.id) }, createdAt: clock.now())
        return try await products.create(product, slugIsGiven: draft.slug != nil, creationKey: key)
    }

    /// - Throws: as ``ProductStore/update(_:of:expected:at:_:)``, ``ProductError/illegalTransition(from:to:)``.
    func change(
        _ id: ProductID, of vendor: VendorID, expected: Int?, _ change: ProductChange
    ) async throws -> Product {
        let now = clock.now()
        return try await products.update(id, of: vendor, expected: expected, at: now) { product in
            if let name = change.name { product.name = name }
            if let slug = change.slug { product.slug = slug }
            if let description = change.description { product.description = description }
            if let categoryIDs = change.categoryIDs { product.categoryIDs = categoryIDs }
            if let media = change.media { product.media = media }
            if let attributes = change.attributes { product.attributes = attributes }
            if let status = change.status { try product.become(status, at: now) }
        }
    }

    /// - Throws: as ``ProductStore/update(_:of:expected:at:_:)``, ``ProductError/tooManyVariants``.
    func addVariant(
        _ draft: VariantDraft, to id: ProductID, of vendor: VendorID, expected: Int?
    ) async throws -> Product {
        try await products.update(id, of: vendor, expected: expected, at: clock.now()) { product in
            try product.add(draft)
        }
    }

    /// - Throws: as ``ProductStore/update(_:of:expected:at:_:)``, ``ProductError/unknownVariant``.
    func changeVariant(
        _ variant: VariantID, of id: ProductID, of vendor: VendorID, expected: Int?, _ change: VariantChange
    ) async throws -> Product {
        try await products.update(id, of: vendor, expected: expected, at: clock.now()) { product in
            try product.change(variant, change)
        }
    }
}
