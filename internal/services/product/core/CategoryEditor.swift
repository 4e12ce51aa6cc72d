import SoukIdentifiers
import SoukTime

/// A category to be made.
struct CategoryDraft: Sendable, Hashable {
    var name: String
    /// Nil: made from the name.
    var slug: String?
    var parentID: CategoryID?
    var position: Int
}

/// What admins do with categories.
struct CategoryEditor: Sendable {
    let categories: any CategoryStore
    let clock: any WallClock

    /// - Throws: as ``CategoryStore/create(_:)``.
    func create(_ draft: CategoryDraft) async throws -> Category {
        let category = Category(
            parentID: draft.parentID, slug: draft.slug ?? Slug.make(from: draft.name, fallback: "category"),
            name: draft.name, position: draft.position, createdAt: clock.now())
        try await categories.create(category)
        return category
    }

    /// - Throws: as ``CategoryStore/update(_:expected:at:_:)``.
    func change(_ id: CategoryID, expected: Int?, _ change: CategoryChange) async throws -> Category {
        try await categories.update(id, expected: expected, at: clock.now(), change)
    }

    /// - Throws: as ``CategoryStore/delete(_:expected:)``.
    func delete(_ id: CategoryID, expected: Int?) async throws {
        try await categories.delete(id, expected: expected)
    }
}
