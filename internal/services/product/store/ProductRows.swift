import Foundation
import SoukAPI
import SoukDatabase
import SoukIdentifiers
import SoukMoney
import SoukTime
import SoukText

/// How products lie in their tables.
enum ProductRows {
    // MARK: - Reading

    /// The products of these rows, in their order, with what belongs to them: three more queries for all together.
    static func products(_ rows: [Row], in reader: any SQLExecutor) async throws -> [Product] {
        guard !rows.isEmpty else { return [] }
        let ids = try rows.map { try $0.get("id", as: ProductID.self) }
        let variants = try await group(
            reader, "SELECT * FROM variants WHERE product_id IN (\(list: ids)) ORDER BY position, id", variant
        )
        let media = try await group(
            reader, "SELECT * FROM product_media WHERE product_id IN (\(list: ids)) ORDER BY position"
        ) { row in Media(url: try row.get("url"), alt: try row.get("alt")) }
        let categories = try await group(
            reader, "SELECT * FROM product_categories WHERE product_id IN (\(list: ids)) ORDER BY position"
        ) { row in try row.get("category_id", as: CategoryID.self) }
        return try zip(ids, rows).map { id, row in
            Product(
                id: id, vendorID: try row.get("vendor_id"), name: try row.get("name"),
                slug: try row.get("slug"),
                description: try row.get("description"),
                status: try row.choice("status", as: ProductStatus.self), categoryIDs: categories[id] ?? [],
                media: media[id] ?? [], attributes: try attributes(row), variants: variants[id] ?? [],
                version: try row.get("version"), createdAt: try row.get("created_at"),
                updatedAt: try row.get("updated_at"), publishedAt: try row.get("published_at"))
        }
    }

    static func money(_ row: Row) throws -> Money {
        let code = try row.get("price_currency", as: String.self)
        guard let currency = Currency(code) else {
            throw DatabaseError(.decoding, detail: "column price_currency: unknown currency \(code)")
        }
        return Money(try row.get("price_amount"), currency)
    }

    static func attributes(_ row: Row) throws -> [String: String] {
        let text = try row.get("attributes", as: String.self)
        do {
            return try JSONCoding.decode([String: String].self, from: Array(text.utf8))
        } catch {
            throw DatabaseError(.decoding, detail: "column attributes: \(error)")
        }
    }

    private static func variant(_ row: Row) throws -> Variant {
        Variant(
            id: try row.get("id"), sku: try row.get("sku"), attributes: try attributes(row),
            price: try money(row),
            position: try row.get("position"), status: try row.choice("status", as: Variant.Status.self))
    }

    private static func group<T>(
        _ reader: any SQLExecutor, _ sql: SQL, _ read: (Row) throws -> T
    ) async throws -> [ProductID: [T]] {
        var groups: [ProductID: [T]] = [:]
        for row in try await reader.query(sql) {
            groups[try row.get("product_id"), default: []].append(try read(row))
        }
        return groups
    }

    // MARK: - Writing

    static func insert(_ product: Product, creationKey: String?, in transaction: any Transaction) async throws
    {
        try await transaction.execute(
            """
            INSERT INTO products (id, vendor_id, name, slug, description, status, attributes, sort_name, search_text,
                currency, min_price, creation_key, version, created_at, updated_at, published_at)
            VALUES (\(product.id), \(product.vendorID), \(product.name), \(product.slug), \(product.description),
                \(product.status.rawValue), \(try json(product.attributes)), \(fold(product.name)),
                \(searchText(product)), \(currency(product)), \(product.priceRange?.lowerBound), \(creationKey),
                \(product.version), \(product.createdAt), \(product.updatedAt), \(product.publishedAt))
            """)
        try await ProductSearch.add(product.id, in: transaction)
        try await write(product.variants, of: product, in: transaction)
        try await insertMedia(of: product, in: transaction)
        try await insertCategories(of: product, in: transaction)
    }

    static func update(_ before: Product, to after: Product, in transaction: any Transaction) async throws {
        let saysSomethingElse = searchText(before) != searchText(after)
        if saysSomethingElse { try await ProductSearch.remove(before.id, in: transaction) }
        try await transaction.execute(
            """
            UPDATE products SET name = \(after.name), slug = \(after.slug), description = \(after.description),
                status = \(after.status.rawValue), attributes = \(try json(after.attributes)),
                sort_name = \(fold(after.name)), search_text = \(searchText(after)), currency = \(currency(after)),
                min_price = \(after.priceRange?.lowerBound), version = \(after.version),
                updated_at = \(after.updatedAt), published_at = \(after.publishedAt)
            WHERE id = \(after.id)
            """)
        if saysSomethingElse { try await ProductSearch.add(after.id, in: transaction) }
        let unchanged = Set(before.variants)
        try await write(after.variants.filter { !unchanged.contains($0) }, of: after, in: transaction)
        if after.media != before.media {
            try await transaction.execute("DELETE FROM product_media WHERE product_id = \(after.id)")
            try await insertMedia(of: after, in: transaction)
        }
        if after.categoryIDs != before.categoryIDs {
            try await transaction.execute("DELETE FROM product_categories WHERE product_id = \(after.id)")
            try await insertCategories(of: after, in: transaction)
        }
    }

    /// Inserts or replaces variants; a SKU never changes.
    private static func write(
        _ variants: [Variant], of product: Product, in transaction: any Transaction
    ) async throws {
        guard !variants.isEmpty else { return }
        let rows: [SQL] = try variants.map { variant in
            """
            (\(variant.id), \(product.id), \(product.vendorID), \(variant.sku), \(try json(variant.attributes)),
                \(variant.price.amount), \(variant.price.currency.code), \(variant.position),
                \(variant.status.rawValue))
            """
        }
        try await transaction.execute(
            """
            INSERT INTO variants (id, product_id, vendor_id, sku, attributes, price_amount, price_currency, position,
                status)
            VALUES \(sql: rows.joined(separator: ", "))
            ON CONFLICT (id) DO UPDATE SET attributes = excluded.attributes, price_amount = excluded.price_amount,
                price_currency = excluded.price_currency, position = excluded.position, status = excluded.status
            """)
    }

    private static func insertMedia(of product: Product, in transaction: any Transaction) async throws {
        guard !product.media.isEmpty else { return }
        let rows: [SQL] = product.media.enumerated().map { position, media in
            "(\(product.id), \(position), \(media.url), \(media.alt))"
        }
        try await transaction.execute(
            "INSERT INTO product_media (product_id, position, url, alt) VALUES \(sql: rows.joined(separator: ", "))"
        )
    }

    private static func insertCategories(of product: Product, in transaction: any Transaction) async throws {
        guard !product.categoryIDs.isEmpty else { return }
        let rows: [SQL] = product.categoryIDs.enumerated().map { position, id in
            "(\(product.id), \(position), \(id))"
        }
        try await transaction.execute(
            """
            INSERT INTO product_categories (product_id, position, category_id)
            VALUES \(sql: rows.joined(separator: ", "))
            """)
    }

    // MARK: - Derived columns

    /// One form for what differs only in case or in how accents are encoded.
    static func fold(_ text: String) -> String {
        // check-text: words for people, in any script
        text.lowercased().precomposedStringWithCanonicalMapping
    }

    private static func searchText(_ product: Product) -> String {
        "\(fold(product.name))\n\(fold(product.description))"
    }

    private static func currency(_ product: Product) -> String {
        // A product that keeps its invariants has a variant.
        product.variants.first?.price.currency.code ?? ""
    }

    private static func json(_ attributes: [String: String]) throws -> String {
        String(decoding: try JSONCoding.encode(attributes), as: UTF8.self)
    }
}
