import SoukDatabase
import SoukIdentifiers
import SoukTime

/// Categories in SQL. There are few, and all of them are read together; changes are serializable, because whether one is
/// right depends on the whole tree.
struct SQLCategoryStore: CategoryStore {
    let database: any Database
    let changes: CatalogueChanges

    func tree() async throws -> CategoryTree {
        try await Self.tree(in: database)
    }

    func create(_ category: Category) async throws {
        try await database.transaction { transaction in
            changes.note(in: transaction)
            try await Self.tree(in: transaction).check(category.id, below: category.parentID)
            try await Self.refusingDuplicates {
                try await transaction.execute(
                    """
                    INSERT INTO categories (id, parent_id, slug, name, position, version, created_at, updated_at)
                    VALUES (\(category.id), \(category.parentID), \(category.slug), \(category.name),
                        \(category.position), \(category.version), \(category.createdAt), \(category.updatedAt))
                    """)
            }
        }
    }

    func update(
        _ id: CategoryID, expected: Int?, at now: Timestamp, _ change: CategoryChange
    ) async throws -> Category {
        try await database.transaction { transaction in
            changes.note(in: transaction)
            let before = try await Self.category(id, expected: expected, in: transaction)
            var category = before
            if let name = change.name { category.name = name }
            if let slug = change.slug { category.slug = slug }
            if let position = change.position { category.position = position }
            switch change.parent {
            case nil: break
            case .top: category.parentID = nil
            case .category(let parent): category.parentID = parent
            }
            guard category != before else { return before }
            if category.parentID != before.parentID {
                try await Self.tree(in: transaction).check(id, below: category.parentID)
            }
            category.version = before.version + 1
            category.updatedAt = now
            let changed = category
            try await Self.refusingDuplicates {
                try await transaction.execute(
                    """
                    UPDATE categories SET parent_id = \(changed.parentID), slug = \(changed.slug),
                        name = \(changed.name), position = \(changed.position), version = \(changed.version),
                        updated_at = \(changed.updatedAt)
                    WHERE id = \(id)
                    """)
            }
            return changed
        }
    }

    func delete(_ id: CategoryID, expected: Int?) async throws {
        try await database.transaction { transaction in
            changes.note(in: transaction)
            _ = try await Self.category(id, expected: expected, in: transaction)
            let contents = try await transaction.first(
                """
                SELECT 1 FROM categories WHERE parent_id = \(id)
                UNION ALL SELECT 1 FROM product_categories WHERE category_id = \(id) LIMIT 1
                """)
            guard contents == nil else { throw ProductError.categoryNotEmpty }
            do {
                try await transaction.execute("DELETE FROM categories WHERE id = \(id)")
            } catch let error as DatabaseError {
                // A product, or a category below it, that came at the same moment.
                guard case .foreignKeyViolation = error.reason else { throw error }
                throw ProductError.categoryNotEmpty
            }
        }
    }

    // MARK: - Rows

    private static func tree(in reader: any SQLExecutor) async throws -> CategoryTree {
        CategoryTree(try await reader.query("SELECT * FROM categories").map(category))
    }

    private static func category(
        _ id: CategoryID, expected: Int?, in reader: any SQLExecutor
    ) async throws -> Category {
        guard let row = try await reader.first("SELECT * FROM categories WHERE id = \(id)") else {
            throw ProductError.unknownCategory
        }
        let category = try category(row)
        if let expected, expected != category.version { throw ProductError.categoryVersionMismatch }
        return category
    }

    private static func category(_ row: Row) throws -> Category {
        Category(
            id: try row.get("id"), parentID: try row.get("parent_id"), slug: try row.get("slug"),
            name: try row.get("name"), position: try row.get("position"), version: try row.get("version"),
            createdAt: try row.get("created_at"), updatedAt: try row.get("updated_at"))
    }

    private static func refusingDuplicates(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as DatabaseError {
            if case .uniqueViolation = error.reason { throw ProductError.categorySlugTaken }
            throw error
        }
    }
}
