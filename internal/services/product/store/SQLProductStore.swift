import SoukDatabase
import SoukErrors
import SoukIdentifiers
import SoukIDs
import SoukPagination
import SoukTime
import SoukText

/// Products in SQL: one row each, with rows for variants, media and categories.
struct SQLProductStore: ProductStore {
    let database: any Database
    let changes: CatalogueChanges
    /// Products of one vendor.
    let maximumProducts: Int
    let counts = LargeCounts()

    /// Ids bound to one statement at most.
    static let batch = 500

    func create(_ product: Product, slugIsGiven: Bool, creationKey: String?) async throws -> Product {
        try product.validate()
        return try await database.transaction(isolation: .readCommitted) { transaction in
            changes.note(in: transaction)
            try await Self.lock(product.vendorID, in: transaction)
            if let creationKey,
                let made = try await Self.product(
                    "vendor_id = \(product.vendorID) AND creation_key = \(creationKey)", in: transaction)
            {
                return made
            }
            try await checkCount(of: product.vendorID, in: transaction)
            var product = product
            if !slugIsGiven { product.slug = try await Self.freeSlug(for: product, in: transaction) }
            try await Self.checkCategories(product.categoryIDs, in: transaction)
            try await Self.checkSKUs(product.variants.map(\.sku), of: product.vendorID, in: transaction)
            try await Self.refusingDuplicates {
                try await ProductRows.insert(product, creationKey: creationKey, in: transaction)
            }
            return product
        }
    }

    func product(_ id: ProductID) async throws -> Product? {
        try await database.snapshot { reader in
            try await Self.product("id = \(id)", in: reader)
        }
    }

    func update(
        _ id: ProductID, of vendor: VendorID, expected: Int?, at now: Timestamp,
        _ change: @escaping @Sendable (inout Product) throws -> Void
    ) async throws -> Product {
        try await database.transaction(isolation: .readCommitted) { transaction in
            changes.note(in: transaction)
            try await Self.lock(vendor, in: transaction)
            let term: SQL = "id = \(id) AND vendor_id = \(vendor)"
            guard let before = try await Self.product(term, in: transaction) else {
                throw ProductError.unknownProduct
            }
            if let expected, expected != before.version { throw ProductError.versionMismatch }
            var after = before
            try change(&after)
            try after.validate()
            guard after != before else { return before }
            after.version = before.version + 1
            after.updatedAt = now
            if after.categoryIDs != before.categoryIDs {
                try await Self.checkCategories(after.categoryIDs, in: transaction)
            }
            let known = Set(before.variants.map(\.id))
            let added = after.variants.filter { !known.contains($0.id) }
            try await Self.checkSKUs(added.map(\.sku), of: vendor, in: transaction)
            let changed = after
            try await Self.refusingDuplicates {
                try await ProductRows.update(before, to: changed, in: transaction)
            }
            return changed
        }
    }

    func forgetCreationKeys(before time: Timestamp) async throws {
        try await database.execute(
            "UPDATE products SET creation_key = NULL WHERE creation_key IS NOT NULL AND created_at < \(time)")
    }

    // MARK: - Within a transaction

    /// Lets the transactions that change a vendor's products take turns: what they find free stays free.
    private static func lock(_ vendor: VendorID, in transaction: any Transaction) async throws {
        try await transaction.lock("vendor:\(vendor)")
    }

    private func checkCount(of vendor: VendorID, in transaction: any Transaction) async throws {
        let count = try await transaction.scalar(
            """
            SELECT COUNT(*) FROM (
                SELECT id FROM products WHERE vendor_id = \(vendor) LIMIT \(maximumProducts)) AS counted
            """, as: Int.self)
        guard count ?? 0 < maximumProducts else { throw ProductError.tooManyProducts(maximumProducts) }
    }

    static func product(_ term: SQL, in reader: any SQLExecutor) async throws -> Product? {
        let rows = try await reader.query("SELECT * FROM products WHERE \(sql: term)")
        return try await ProductRows.products(rows, in: reader).first
    }

    /// The slug made from the name, or the first free one with a number behind it.
    private static func freeSlug(for product: Product, in reader: any SQLExecutor) async throws -> String {
        let candidates = [product.slug] + (2...9).map { Slug.numbered(product.slug, String($0)) }
        let rows = try await reader.query(
            "SELECT slug FROM products WHERE vendor_id = \(product.vendorID) AND slug IN (\(list: candidates))"
        )
        let taken = Set(try rows.map { try $0.get("slug", as: String.self) })
        // The end of an id is random: with that many namesakes nobody reads the number any more.
        return candidates.first { !taken.contains($0) }
            ?? Slug.numbered(product.slug, String(product.id.description.suffix(12)))
    }

    /// They stay there until the transaction ends.
    private static func checkCategories(_ ids: [CategoryID], in transaction: any Transaction) async throws {
        guard !ids.isEmpty else { return }
        let rows = try await transaction.query(
            "SELECT id FROM categories WHERE id IN (\(list: ids)) ORDER BY id\(sql: transaction.forShare)")
        let known = Set(try rows.map { try $0.get("id", as: CategoryID.self) })
        let errors = ids.enumerated().filter { !known.contains($0.element) }.map { index, _ in
            FieldError(
                field: "category_ids[\(index)]", code: "unknown", message: "There is no such category.")
        }
        if !errors.isEmpty { throw ValidationError(errors) }
    }

    private static func checkSKUs(
        _ skus: [String], of vendor: VendorID, in reader: any SQLExecutor
    ) async throws {
        guard !skus.isEmpty else { return }
        let rows = try await reader.query(
            "SELECT sku FROM variants WHERE vendor_id = \(vendor) AND sku IN (\(list: skus)) ORDER BY sku")
        let taken = try rows.map { try $0.get("sku", as: String.self) }
        if !taken.isEmpty { throw ProductError.skuTaken(taken) }
    }

    /// What the database refuses as a duplicate, in our words.
    private static func refusingDuplicates(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as DatabaseError {
            guard case .uniqueViolation(let constraint) = error.reason else { throw error }
            if constraint.contains(bytes: "slug") { throw ProductError.slugTaken }
            // Only another writer between our look and the insert, which SQLite does not have.
            if constraint.contains(bytes: "sku") { throw ProductError.skuTaken([]) }
            throw error
        }
    }
}
