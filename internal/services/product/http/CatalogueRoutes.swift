import Hummingbird
import SoukErrors
import SoukHTTP
import SoukIdentifiers
import SoukIDs
import SoukMoney
import SoukPagination

/// What anybody can look at.
struct CatalogueRoutes: Sendable {
    let catalogue: Catalogue
    let pages: ShelfPages

    func register(on routes: Routes) {
        routes.open.get("/api/v1/products") { request, _ -> Reply in
            try await pages.reply(to: request.uri.query ?? "") {
                let query = try Self.query(request)
                let page = try await catalogue.shelf(query, try request.pageRequest())
                return try .page(page.map { ProductResponse($0, for: .shopper) })
            }
        }
        routes.open.get("/api/v1/products/{id}") { _, context -> Reply in
            let (product, view) = try await catalogue.product(
                try context.id(as: ProductID.self), context.call)
            return try .ok(ProductResponse(product, for: view), version: product.version)
        }
        routes.open.get("/api/v1/categories") { _, _ -> Reply in
            try .ok(try await catalogue.categoryTree().roots.map(CategoryNodeResponse.init))
        }
    }

    static func query(_ request: Request) throws -> ShelfQuery {
        let prices = 0...Int(Variant.maxPrice)
        var query = ShelfQuery()
        query.vendorID = try request.queryID("vendor_id", as: VendorID.self)
        query.text = try text(request, "q", length: 0...100)
        query.category = try text(request, "category", length: 1...64).map { text in
            CategoryID(text).map(ShelfQuery.CategoryReference.id) ?? .slug(text)
        }
        query.minPrice = try request.queryInt("min_price", in: prices).map(Int64.init)
        query.maxPrice = try request.queryInt("max_price", in: prices).map(Int64.init)
        query.sort = try request.queryChoice("sort", as: ShelfQuery.Sort.self) ?? .newest
        if let code = request.queryString("currency") {
            guard let currency = Currency(code) else {
                throw malformed("currency", "currency", "The value must be an active ISO 4217 code.")
            }
            query.currency = currency
        }
        if let least = query.minPrice, let most = query.maxPrice, least > most {
            throw malformed("max_price", "range", "The value must not be below min_price.")
        }
        return query
    }

    static func text(_ request: Request, _ name: String, length: ClosedRange<Int>) throws -> String? {
        guard let text = request.queryString(name) else { return nil }
        guard length.contains(text.count), text.utf8.count <= 4 * length.upperBound, !text.utf8.contains(0)
        else {
            throw malformed(
                name, "length", "The value must have \(length.lowerBound) to \(length.upperBound) characters."
            )
        }
        return text
    }

    private static func malformed(_ field: String, _ code: String, _ message: String) -> ValidationError {
        .malformed([FieldError(field: field, code: code, message: message)])
    }
}
