import SoukCallContext
import SoukIdentifiers
import SoukPagination
import SoukVendorKernel

/// What anybody can see.
struct Catalogue: Sendable {
    /// How much of a product its reader may see.
    enum View: Sendable {
        /// Active variants only.
        case shopper
        /// Everything.
        case owner
    }

    let products: any ProductStore
    let categories: any CategoryStore
    let directory: VendorDirectory

    func shelf(_ query: ShelfQuery, _ page: PageRequest) async throws -> Page<Product> {
        try await products.shelf(query, page)
    }

    func categoryTree() async throws -> CategoryTree {
        try await categories.tree()
    }

    /// A product: a published one of a vendor on the shelf for anybody, others for their vendor's owner and for admins.
    ///
    /// - Throws: ``ProductError/unknownProduct``; `VendorKernelError.unavailable` for an unpublished one.
    func product(_ id: ProductID, _ context: CallContext) async throws -> (Product, View) {
        guard let product = try await products.product(id) else { throw ProductError.unknownProduct }
        if product.status == .published, try await products.isOnShelf(product.vendorID) {
            return (product, .shopper)
        }
        guard let principal = context.principal else { throw ProductError.unknownProduct }
        if principal.has(.admin) { return (product, .owner) }
        guard let vendor = try await directory.vendor(of: principal, context), vendor.id == product.vendorID
        else {
            throw ProductError.unknownProduct
        }
        return (product, .owner)
    }
}
