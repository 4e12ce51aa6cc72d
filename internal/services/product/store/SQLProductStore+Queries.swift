import SoukDatabase
import SoukIdentifiers
import SoukMoney
import SoukPagination
import SoukProductKernel

extension SQLProductStore {
    func shelf(_ query: ShelfQuery, _ page: PageRequest) async throws -> Page<Product> {
        try await self.page(Self.filter(query), containing: query.text, order: Self.order(query.sort), page)
    }

    func stockroom(_ query: StockroomQuery, _ page: PageRequest) async throws -> Page<Product> {
        var terms: [SQL] = ["vendor_id = \(query.vendorID)"]
        if let status = query.status { terms.append("status = \(status.rawValue)") }
        if let sku = query.sku {
            terms.append(
                "id = (SELECT product_id FROM variants WHERE vendor_id = \(query.vendorID) AND sku = \(sku))")
        }
        return try await self.page(terms, order: "created_at DESC, id DESC", page)
    }

    func snapshots(_ ids: [VariantID]) async throws -> [VariantSnapshot] {
        guard !ids.isEmpty else { return [] }
        return try await database.snapshot { reader in
            var snapshots: [VariantSnapshot] = []
            for start in stride(from: 0, to: ids.count, by: Self.batch) {
                let part = Array(ids[start..<min(start + Self.batch, ids.count)])
                let rows = try await reader.query(
                    """
                    SELECT variants.id, variants.product_id, variants.vendor_id, variants.sku, variants.attributes,
                        variants.price_amount, variants.price_currency, variants.status, products.name,
                        products.status AS product_status,
                        EXISTS (
                            SELECT 1 FROM vendors_off_shelf
                            WHERE vendors_off_shelf.vendor_id = variants.vendor_id
                        ) AS off_shelf
                    FROM variants JOIN products ON products.id = variants.product_id
                    WHERE variants.id IN (\(list: part))
                    """)
                snapshots += try rows.map(Self.snapshot)
            }
            return snapshots
        }
    }

    private func page(
        _ terms: [SQL], containing text: String? = nil, order: SQL, _ page: PageRequest
    ) async throws -> Page<Product> {
        try await database.snapshot { reader in
            var terms = terms
            if let text, !text.isEmpty {
                terms.append(try await ProductSearch.contains(ProductRows.fold(text), in: reader))
            }
            let filter = terms.joined(separator: " AND ")
            let count: Int
            if let known = counts.known(of: filter) {
                count = known
            } else {
                count =
                    try await reader.scalar(
                        "SELECT COUNT(*) FROM products WHERE \(sql: filter)", as: Int.self) ?? 0
                counts.note(count, of: filter)
            }
            let rows = try await reader.query(
                """
                SELECT * FROM products WHERE \(sql: filter) ORDER BY \(sql: order)
                LIMIT \(page.size) OFFSET \(page.offset)
                """)
            return Page(
                items: try await ProductRows.products(rows, in: reader), request: page, totalCount: count
            )
        }
    }

    private static func filter(_ query: ShelfQuery) -> [SQL] {
        var terms: [SQL] = ["status = 'published'", isOnShelf]
        if let vendor = query.vendorID { terms.append("vendor_id = \(vendor)") }
        if let category = query.category { terms.append(isBelow(category)) }
        if let currency = query.currency { terms.append("currency = \(currency.code)") }
        // The cheapest variant decides by index whom the exact look at the variants has to see.
        if let maxPrice = query.maxPrice { terms.append("min_price <= \(maxPrice)") }
        if query.minPrice != nil {
            terms.append(
                """
                EXISTS (SELECT 1 FROM variants WHERE variants.product_id = products.id
                    AND variants.status = 'active' AND variants.price_amount
                    BETWEEN \(query.minPrice ?? 0) AND \(query.maxPrice ?? .max))
                """)
        }
        return terms
    }

    /// Products of a category and of all below it.
    private static func isBelow(_ category: ShelfQuery.CategoryReference) -> SQL {
        let top: SQL =
            switch category {
            case .id(let id): "id = \(id)"
            case .slug(let slug): "slug = \(slug)"
            }
        return """
            id IN (SELECT product_id FROM product_categories WHERE category_id IN (
                WITH RECURSIVE branch (id) AS (
                    SELECT id FROM categories WHERE \(sql: top)
                    UNION
                    SELECT categories.id FROM categories JOIN branch ON categories.parent_id = branch.id
                ) SELECT id FROM branch))
            """
    }

    private static func order(_ sort: ShelfQuery.Sort) -> SQL {
        switch sort {
        case .newest: "published_at DESC, id DESC"
        case .price: "min_price, id"
        case .priceDescending: "min_price DESC, id DESC"
        case .name: "sort_name, id"
        }
    }

    private static func snapshot(_ row: Row) throws -> VariantSnapshot {
        let isActive = try row.get("status", as: String.self) == Variant.Status.active.rawValue
        let isPublished = try row.get("product_status", as: String.self) == ProductStatus.published.rawValue
        let isOnShelf = try !row.get("off_shelf", as: Bool.self)
        return VariantSnapshot(
            id: try row.get("id"), productID: try row.get("product_id"), vendorID: try row.get("vendor_id"),
            sku: try row.get("sku"), title: try row.get("name"), attributes: try ProductRows.attributes(row),
            price: try ProductRows.money(row),
            isPurchasable: isActive && isPublished && isOnShelf)
    }
}
