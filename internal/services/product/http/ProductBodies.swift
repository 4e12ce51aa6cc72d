import SoukAPI
import SoukIdentifiers
import SoukIDs
import SoukMoney

/// `POST /api/v1/products`.
struct CreateProductBody: RequestBody {
    /// What a product may be made as.
    private enum InitialStatus: String, CaseIterable {
        case draft, published
    }

    let draft: ProductDraft

    init(_ fields: FieldReader) {
        let status = fields.optionalChoice("status", as: InitialStatus.self) ?? .draft
        let variants = fields.array("variants", count: 1...Product.maxVariants, of: VariantBody.self).map(
            \.draft)
        var seen: Set<String> = []
        for (index, variant) in variants.enumerated() where !seen.insert(variant.sku).inserted {
            fields.fail("variants[\(index)].sku", code: "duplicate", "Another variant has this SKU.")
        }
        draft = ProductDraft(
            name: fields.string("name", length: ProductFields.name, text: .line),
            slug: fields.optionalSlug("slug"),
            description: fields.optionalString("description", length: ProductFields.description) ?? "",
            status: status == .published ? .published : .draft,
            categoryIDs: ProductFields.categoryIDs(fields) ?? [], media: ProductFields.media(fields) ?? [],
            attributes: ProductFields.attributes(fields) ?? [:], variants: variants)
    }
}

/// `PATCH /api/v1/products/{id}`.
struct ChangeProductBody: RequestBody {
    let change: ProductChange

    init(_ fields: FieldReader) {
        change = ProductChange(
            name: fields.optionalString("name", length: ProductFields.name, text: .line),
            slug: fields.optionalSlug("slug"),
            description: fields.optionalString("description", length: ProductFields.description),
            status: fields.optionalChoice("status", as: ProductStatus.self),
            categoryIDs: ProductFields.categoryIDs(fields), media: ProductFields.media(fields),
            attributes: ProductFields.attributes(fields))
    }
}

/// `POST /api/v1/products/{id}/variants`, and the variants of a new product.
struct VariantBody: RequestBody {
    let draft: VariantDraft

    init(_ fields: FieldReader) {
        let sku = fields.string("sku", length: 1...64, matching: Variant.complaint(aboutSKU:))
        let attributes = ProductFields.attributes(fields) ?? [:]
        let position = fields.optionalInt("position", in: Variant.positions)
        let price = ProductFields.bounded(fields.money("price", min: 1), fields)
        draft = VariantDraft(
            sku: sku, attributes: attributes, price: price ?? ProductFields.noPrice, position: position)
    }
}

/// `PATCH /api/v1/products/{id}/variants/{variant_id}`.
struct ChangeVariantBody: RequestBody {
    let change: VariantChange

    init(_ fields: FieldReader) {
        change = VariantChange(
            price: ProductFields.bounded(fields.optionalMoney("price", min: 1), fields),
            attributes: ProductFields.attributes(fields),
            status: fields.optionalChoice("status", as: Variant.Status.self),
            position: fields.optionalInt("position", in: Variant.positions))
    }
}

/// The fields that several bodies have.
enum ProductFields {
    static let name = 1...200
    static let description = 0...10_000

    static func attributes(_ fields: FieldReader) -> [String: String]? {
        fields.optionalStringMap("attributes", maxCount: Product.maxAttributes, keys: 1...50, values: 0...255)
    }

    /// In the order sent, repetitions dropped.
    static func categoryIDs(_ fields: FieldReader) -> [CategoryID]? {
        let name = "category_ids"
        guard let texts = fields.optionalStrings(name, count: 0...Product.maxCategories, each: 1...64) else {
            return nil
        }
        var ids: [CategoryID] = []
        for (index, text) in texts.enumerated() {
            guard let id = CategoryID(text) else {
                fields.fail("\(name)[\(index)]", code: "format", "The value must be a UUID.")
                continue
            }
            if !ids.contains(id) { ids.append(id) }
        }
        return ids
    }

    /// By position, those without one where they stand in the list.
    static func media(_ fields: FieldReader) -> [Media]? {
        guard let bodies = fields.optionalArray("media", count: 0...Product.maxMedia, of: MediaBody.self)
        else {
            return nil
        }
        return bodies.enumerated()
            .sorted {
                ($0.element.position ?? $0.offset, $0.offset) < ($1.element.position ?? $1.offset, $1.offset)
            }
            .map(\.element.media)
    }

    static func bounded(_ price: Money?, _ fields: FieldReader) -> Money? {
        guard let price, price.amount > Variant.maxPrice else { return price }
        fields.fail("price.amount", code: "range", "The value must be at most \(Variant.maxPrice).")
        return nil
    }

    /// Stands in for a price that was refused; the body is refused with it.
    static var noPrice: Money {
        guard let currency = Currency("GBP") else { preconditionFailure("GBP is a currency") }
        return Money(1, currency)
    }

    private struct MediaBody: RequestBody {
        let media: Media
        let position: Int?

        init(_ fields: FieldReader) {
            media = Media(
                url: fields.url("url"), alt: fields.optionalString("alt", length: 0...255, text: .line) ?? "")
            position = fields.optionalInt("position", in: 0...1_000)
        }
    }
}
