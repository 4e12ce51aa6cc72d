import SoukIdentifiers
import SoukIDs
import SoukTime

/// A shelf of the marketplace; shelves lie within shelves.
struct Category: Sendable, Hashable {
    let id: CategoryID
    /// Nil at the top.
    var parentID: CategoryID?
    /// Unique among all categories.
    var slug: String
    var name: String
    /// Among its siblings, lowest first.
    var position: Int
    /// Counts the changes, from 1.
    var version: Int
    let createdAt: Timestamp
    var updatedAt: Timestamp

    init(
        id: CategoryID = CategoryID(), parentID: CategoryID? = nil, slug: String, name: String,
        position: Int = 0,
        version: Int = 1, createdAt: Timestamp, updatedAt: Timestamp? = nil
    ) {
        self.id = id
        self.parentID = parentID
        self.slug = slug
        self.name = name
        self.position = position
        self.version = version
        self.createdAt = createdAt
        self.updatedAt = updatedAt ?? createdAt
    }
}

/// What to change of a category; nil leaves as it is.
struct CategoryChange: Sendable, Hashable {
    enum Parent: Sendable, Hashable {
        case top
        case category(CategoryID)
    }

    var name: String?
    var slug: String?
    var position: Int?
    var parent: Parent?
}

/// All categories and how they lie within one another.
struct CategoryTree: Sendable {
    /// A category with everything below it.
    struct Node: Sendable {
        let category: Category
        /// By position, then name.
        let children: [Node]
    }

    static let maxDepth = 5

    private let byID: [CategoryID: Category]
    private let children: [CategoryID?: [Category]]

    init(_ categories: [Category]) {
        byID = Dictionary(categories.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        children = Dictionary(grouping: byID.values, by: \.parentID).mapValues { siblings in
            siblings.sorted { ($0.position, $0.name, $0.id) < ($1.position, $1.name, $1.id) }
        }
    }

    /// The categories at the top, with all that is below them.
    var roots: [Node] { nodes(below: nil, depth: 1) }

    /// Checks that a category, new or moved, can lie below `parent`.
    ///
    /// - Throws: ``ProductError/unknownParent``, ``ProductError/categoryCycle``,
    ///   ``ProductError/categoryTooDeep``.
    func check(_ id: CategoryID, below parent: CategoryID?) throws(ProductError) {
        guard let parent else {
            guard height(of: id) <= Self.maxDepth else { throw .categoryTooDeep }
            return
        }
        guard byID[parent] != nil else { throw .unknownParent }
        var depth = 0
        var next: CategoryID? = parent
        while let current = next {
            guard current != id else { throw .categoryCycle }
            depth += 1
            // Stored trees have no cycle; should one ever, this ends.
            guard depth < Self.maxDepth else { throw .categoryTooDeep }
            next = byID[current]?.parentID
        }
        guard depth + height(of: id) <= Self.maxDepth else { throw .categoryTooDeep }
    }

    /// How many levels the category and what is below it take; 1 for a leaf or one not in the tree yet.
    private func height(of id: CategoryID, depth: Int = 1) -> Int {
        guard depth <= Self.maxDepth else { return 1 }
        return 1 + (children[id]?.map { height(of: $0.id, depth: depth + 1) }.max() ?? 0)
    }

    private func nodes(below parent: CategoryID?, depth: Int) -> [Node] {
        guard depth <= Self.maxDepth else { return [] }
        return (children[parent] ?? []).map { category in
            Node(category: category, children: nodes(below: category.id, depth: depth + 1))
        }
    }
}
