import Hummingbird
import SoukCallContext
import SoukErrors
import SoukHTTP
import SoukIdempotency
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukText

/// Stores and their stock over HTTP.
struct StoreRoutes: Sendable {
    /// The most SKUs that one question about availability names.
    static let maximumSKUs = 100

    let storefronts: Storefronts
    let stock: StockKeeping
    let idempotency: Idempotency

    func register(_ routes: Routes) {
        registerOpen(routes.open)
        registerOwn(routes.user)
        registerStock(routes.user)
        routes.admin.get("/api/v1/admin/inventory/summary") { request, _ in
            try Reply.page(try await stock.summary(try request.pageRequest()).map(StockSummaryResponse.init))
        }
    }

    private func registerOpen(_ group: RouterGroup<SoukRequestContext>) {
        group.get("/api/v1/stores") { request, _ in
            let page = try await storefronts.published(
                try request.pageRequest(), vendor: try request.queryID("vendor_id"))
            return try Reply.page(page.map(StoreResponse.init))
        }
        group.get("/api/v1/stores/{id}") { _, context in
            let store = try await storefronts.published(try context.id())
            return try Reply.ok(StoreResponse(store), version: store.version)
        }
        group.get("/api/v1/stores/{id}/availability") { request, context in
            let id = try context.id(as: StoreID.self)
            let skus = try Self.skus(of: request)
            let availability = try await storefronts.availability(of: skus, in: id)
            return try Reply.ok(
                availability.map { AvailabilityResponse(sku: $0.sku, available: $0.available) })
        }
    }

    private func registerOwn(_ group: RouterGroup<UserContext>) {
        group.post("/api/v1/stores") { request, context in
            let body = try await request.body(OpenAccountBody.self)
            let store = try await storefronts.open(
                name: body.name, slug: body.slug, description: body.description, by: context.principal.userID)
            return try Reply.created(
                StoreResponse(store), location: "/api/v1/stores/\(store.id)", version: store.version)
        }
        group.patch("/api/v1/stores/{id}") { request, context in
            let id = try context.id(as: StoreID.self)
            let version = try request.requiredIfMatch()
            let body = try await request.body(ChangeStoreBody.self)
            let store = try await storefronts.change(
                id, body.changes, version: version, by: context.principal.userID)
            return try Reply.ok(StoreResponse(store), version: store.version)
        }
    }

    private func registerStock(_ group: RouterGroup<UserContext>) {
        group.get("/api/v1/stores/{id}/inventory") { request, context in
            let page = try await stock.items(
                try request.pageRequest(), in: try context.id(), sku: try request.searchText("sku"),
                lowOnly: try request.queryBool("low") ?? false, by: context.principal.userID)
            return try Reply.page(page.map(StockItemResponse.init))
        }
        group.put("/api/v1/stores/{id}/inventory") { request, context in
            try await idempotency.run(request, context) { request, key in
                let body = try await request.body(CountBody.self)
                let items = try await stock.count(
                    body.counts, in: try context.id(), by: context.principal.userID, key: key)
                return try Reply.ok(items.map(StockItemResponse.init))
            } rereading: { request, _ in
                let skus = try await request.body(CountBody.self).counts.map(\.sku)
                let items = try await stock.items(
                    of: skus, in: try context.id(), by: context.principal.userID)
                return try Reply.ok(items.map(StockItemResponse.init))
            }
        }
        group.post("/api/v1/stores/{id}/inventory/adjustments") { request, context in
            try await idempotency.run(request, context) { request, key in
                let body = try await request.body(AdjustmentBody.self)
                let item = try await stock.adjust(
                    body.sku, by: body.delta, note: body.reason, in: try context.id(),
                    by: context.principal.userID, key: key)
                return try Reply.ok(StockItemResponse(item))
            } rereading: { request, _ in
                let sku = try await request.body(AdjustmentBody.self).sku
                let items = try await stock.items(
                    of: [sku], in: try context.id(), by: context.principal.userID)
                guard let item = items.first else { throw VendorError.notFound(.inventory) }
                return try Reply.ok(StockItemResponse(item))
            }
        }
        group.get("/api/v1/stores/{id}/inventory/movements") { request, context in
            let page = try await stock.movements(
                try request.pageRequest(), in: try context.id(), sku: try request.searchText("sku"),
                by: context.principal.userID)
            return try Reply.page(page.map(StockMovementResponse.init))
        }
    }

    /// The SKUs of `sku=a,b,c`, each once.
    ///
    /// Throws: `ValidationError` 400 unless there are 1 to ``maximumSKUs``.
    private static func skus(of request: Request) throws -> [String] {
        let named = (request.queryString("sku") ?? "").split(byte: ",").map(String.init)
        var seen: Set<String> = []
        let skus = named.filter { seen.insert($0).inserted }
        guard (1...maximumSKUs).contains(skus.count) else {
            throw ValidationError.malformed([
                FieldError(
                    field: "sku", code: "count",
                    message: "The value must be 1 to \(maximumSKUs) SKUs, separated by commas.")
            ])
        }
        return skus
    }
}
