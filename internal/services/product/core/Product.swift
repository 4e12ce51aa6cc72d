import SoukIdentifiers
import SoukIDs
import SoukMoney
import SoukTime

/// Whether a product can be seen.
enum ProductStatus: String, CaseIterable, Sendable {
    /// Being written; only its vendor sees it.
    case draft
    case published
    /// Taken from the shelf, kept for the record.
    case archived

    /// Whether a product may go from one to the other; staying is no move and always fine.
    func mayBecome(_ next: ProductStatus) -> Bool {
        switch (self, next) {
        case (.draft, .published), (.draft, .archived), (.published, .draft), (.published, .archived),
            (.archived, .draft):
            true
        default: self == next
        }
    }
}

/// What can be bought is a variant; a product is what its variants have in common.
///
/// Invariants, see ``validate()``: at least one variant, all priced in one currency, and, while published, one of
/// them active.
struct Product: Sendable, Hashable {
    let id: ProductID
    let vendorID: VendorID
    var name: String
    /// Unique within the vendor.
    var slug: String
    var description: String
    private(set) var status: ProductStatus
    /// Without duplicates, in the vendor's order.
    var categoryIDs: [CategoryID]
    /// In order of display.
    var media: [Media]
    var attributes: [String: String]
    /// In order of display.
    private(set) var variants: [Variant]
    /// Counts the changes, from 1.
    var version: Int
    let createdAt: Timestamp
    var updatedAt: Timestamp
    /// The first time it was.
    private(set) var publishedAt: Timestamp?

    static let maxVariants = 100
    static let maxMedia = 20
    static let maxCategories = 20
    static let maxAttributes = 30

    init(
        id: ProductID = ProductID(), vendorID: VendorID, name: String, slug: String, description: String = "",
        status: ProductStatus = .draft, categoryIDs: [CategoryID] = [], media: [Media] = [],
        attributes: [String: String] = [:], variants: [Variant], version: Int = 1, createdAt: Timestamp,
        updatedAt: Timestamp? = nil, publishedAt: Timestamp? = nil
    ) {
        self.id = id
        self.vendorID = vendorID
        self.name = name
        self.slug = slug
        self.description = description
        self.status = status
        self.categoryIDs = categoryIDs
        self.media = media
        self.attributes = attributes
        self.variants = variants
        self.version = version
        self.createdAt = createdAt
        self.updatedAt = updatedAt ?? createdAt
        self.publishedAt = publishedAt ?? (status == .published ? createdAt : nil)
    }

    var activeVariants: [Variant] { variants.filter { $0.status == .active } }

    /// The lowest and the highest price that it can be had for; nil when no variant is active.
    var priceRange: ClosedRange<Int64>? {
        let amounts = activeVariants.map(\.price.amount)
        guard let lowest = amounts.min(), let highest = amounts.max() else { return nil }
        return lowest...highest
    }

    /// - Throws: ``ProductError/illegalTransition(from:to:)``.
    mutating func become(_ next: ProductStatus, at now: Timestamp) throws(ProductError) {
        guard status.mayBecome(next) else { throw .illegalTransition(from: status, to: next) }
        status = next
        if next == .published, publishedAt == nil { publishedAt = now }
    }

    /// Adds a variant behind the others, unless the draft says where.
    ///
    /// - Throws: ``ProductError/tooManyVariants``, ``ProductError/skuTaken(_:)``.
    @discardableResult
    mutating func add(_ draft: VariantDraft) throws(ProductError) -> Variant {
        guard variants.count < Self.maxVariants else { throw .tooManyVariants }
        guard !variants.contains(where: { $0.sku == draft.sku }) else { throw .skuTaken([draft.sku]) }
        let last = variants.map(\.position).max() ?? -1
        let variant = Variant(draft, position: draft.position ?? last + 1)
        variants.append(variant)
        sortVariants()
        return variant
    }

    /// - Throws: ``ProductError/unknownVariant``.
    mutating func change(_ id: VariantID, _ change: VariantChange) throws(ProductError) {
        guard let index = variants.firstIndex(where: { $0.id == id }) else { throw .unknownVariant }
        if let price = change.price { variants[index].price = price }
        if let attributes = change.attributes { variants[index].attributes = attributes }
        if let position = change.position { variants[index].position = position }
        if let status = change.status { variants[index].status = status }
        sortVariants()
    }

    /// Checks the invariants, to be called when a change is complete.
    ///
    /// - Throws: ``ProductError/mixedCurrencies``, ``ProductError/noActiveVariant``.
    func validate() throws(ProductError) {
        guard Set(variants.map(\.price.currency)).count == 1 else { throw .mixedCurrencies }
        guard status != .published || !activeVariants.isEmpty else { throw .noActiveVariant }
    }

    private mutating func sortVariants() {
        variants.sort { ($0.position, $0.id) < ($1.position, $1.id) }
    }
}
