import SoukIdentifiers
import SoukMoney
import SoukPagination
import SoukProductKernel
import SoukTime

/// What a shopper looks for.
struct ShelfQuery: Sendable, Hashable {
    enum Sort: String, CaseIterable, Sendable {
        case newest
        /// By the lowest price of an active variant.
        case price
        case priceDescending = "-price"
        case name
    }

    /// A category, with those below it.
    enum CategoryReference: Sendable, Hashable {
        case id(CategoryID)
        case slug(String)
    }

    var category: CategoryReference?
    var vendorID: VendorID?
    /// Part of the name or the description, in any case.
    var text: String?
    /// Minor units that an active variant must cost at least.
    var minPrice: Int64?
    var maxPrice: Int64?
    var currency: Currency?
    var sort: Sort = .newest
}

/// What a vendor looks for among its own.
struct StockroomQuery: Sendable, Hashable {
    let vendorID: VendorID
    var status: ProductStatus?
    /// Exactly this SKU.
    var sku: String?
}

/// Where products are kept. Each call is one transaction or one snapshot.
protocol ProductStore: Sendable {
    /// Adds a product.
    ///
    /// - Parameters:
    ///   - slugIsGiven: Whether the slug must be as it is; one made from the name gets a number where it is taken.
    ///   - creationKey: The caller's idempotency key: the vendor's product made with it before is returned instead.
    /// - Throws: ``ProductError/slugTaken``, ``ProductError/skuTaken(_:)``, ``ProductError/tooManyProducts(_:)``,
    ///   `ValidationError` for unknown categories.
    func create(_ product: Product, slugIsGiven: Bool, creationKey: String?) async throws -> Product

    func product(_ id: ProductID) async throws -> Product?

    /// Changes a vendor's product, checks what must hold of it and stores it as the next version; nothing is written
    /// where nothing changes.
    ///
    /// - Parameter expected: The version that the caller has seen; nil for any.
    /// - Throws: ``ProductError/unknownProduct`` for one of another vendor too, ``ProductError/versionMismatch``,
    ///   as ``create(_:slugIsGiven:creationKey:)``, as ``Product/validate()``, and what `change` throws.
    func update(
        _ id: ProductID, of vendor: VendorID, expected: Int?, at now: Timestamp,
        _ change: @escaping @Sendable (inout Product) throws -> Void
    ) async throws -> Product

    /// Whether a vendor's published products are shown and sold: not while the vendor is suspended or rejected.
    func isOnShelf(_ vendor: VendorID) async throws -> Bool

    /// Published products of vendors on the shelf.
    func shelf(_ query: ShelfQuery, _ page: PageRequest) async throws -> Page<Product>

    /// A vendor's products, the newest first.
    func stockroom(_ query: StockroomQuery, _ page: PageRequest) async throws -> Page<Product>

    /// Variants for peers; unknown ids are left out.
    func snapshots(_ ids: [VariantID]) async throws -> [VariantSnapshot]

    /// Forgets the idempotency keys of products made before.
    func forgetCreationKeys(before: Timestamp) async throws
}

/// Where categories are kept. Each call is one transaction.
protocol CategoryStore: Sendable {
    func tree() async throws -> CategoryTree

    /// - Throws: ``ProductError/categorySlugTaken``, ``ProductError/categoryTooDeep``, ``ProductError/unknownParent``.
    func create(_ category: Category) async throws

    /// - Throws: ``ProductError/unknownCategory``, ``ProductError/categoryVersionMismatch``,
    ///   ``ProductError/categoryCycle``, and as ``create(_:)``.
    func update(
        _ id: CategoryID, expected: Int?, at now: Timestamp, _ change: CategoryChange
    ) async throws -> Category

    /// - Throws: ``ProductError/unknownCategory``, ``ProductError/categoryVersionMismatch``,
    ///   ``ProductError/categoryNotEmpty``.
    func delete(_ id: CategoryID, expected: Int?) async throws
}
