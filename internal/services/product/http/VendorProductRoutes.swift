import Hummingbird
import SoukHTTP
import SoukIdempotency
import SoukIDs
import SoukIdentifiers
import SoukPagination

/// What vendors do with their own products.
struct VendorProductRoutes: Sendable {
    let editor: ProductEditor
    let directory: VendorDirectory
    let idempotency: Idempotency

    func register(on routes: Routes) {
        registerProducts(on: routes)
        registerVariants(on: routes)
    }

    private func registerProducts(on routes: Routes) {
        routes.user.get("/api/v1/vendor/products") { request, context -> Reply in
            let vendor = try await vendor(context)
            var query = StockroomQuery(vendorID: vendor)
            query.status = try request.queryChoice("status", as: ProductStatus.self)
            query.sku = try CatalogueRoutes.text(request, "sku", length: 1...64)
            let page = try await editor.stockroom(query, try request.pageRequest())
            return try .page(page.map { ProductResponse($0, for: .owner) })
        }
        routes.user.post("/api/v1/products") { request, context -> Response in
            // Outside of what is remembered under the key: who is refused today may be a vendor tomorrow.
            let vendor = try await vendor(context)
            return try await idempotency.run(request, context, required: false) { request, _ in
                let draft = try await request.body(CreateProductBody.self).draft
                let product = try await editor.create(draft, for: vendor, key: request.idempotencyKey)
                return try .created(
                    ProductResponse(product, for: .owner), location: "/api/v1/products/\(product.id)",
                    version: product.version
                ).about(product.id)
            } rereading: { _, subject in
                guard let id = ProductID(subject) else { throw ProductError.unknownProduct }
                return try Self.changed(try await editor.product(id, of: vendor))
            }
        }
        routes.user.patch("/api/v1/products/{id}") { request, context -> Reply in
            let vendor = try await vendor(context)
            let id = try context.id(as: ProductID.self)
            let expected = try request.requiredIfMatch()
            let change = try await request.body(ChangeProductBody.self).change
            return try Self.changed(try await editor.change(id, of: vendor, expected: expected, change))
        }
    }

    private func registerVariants(on routes: Routes) {
        routes.user.post("/api/v1/products/{id}/variants") { request, context -> Reply in
            let vendor = try await vendor(context)
            let id = try context.id(as: ProductID.self)
            let expected = try request.ifMatch()
            let draft = try await request.body(VariantBody.self).draft
            let product = try await editor.addVariant(draft, to: id, of: vendor, expected: expected)
            return try .created(
                ProductResponse(product, for: .owner), location: "/api/v1/products/\(product.id)",
                version: product.version)
        }
        routes.user.patch("/api/v1/products/{id}/variants/{variant_id}") { request, context -> Reply in
            let vendor = try await vendor(context)
            let id = try context.id(as: ProductID.self)
            let variant = try context.id("variant_id", as: VariantID.self)
            let expected = try request.requiredIfMatch()
            let change = try await request.body(ChangeVariantBody.self).change
            return try Self.changed(
                try await editor.changeVariant(variant, of: id, of: vendor, expected: expected, change))
        }
        routes.user.delete("/api/v1/products/{id}/variants/{variant_id}") { request, context -> Reply in
            let vendor = try await vendor(context)
            let id = try context.id(as: ProductID.self)
            let variant = try context.id("variant_id", as: VariantID.self)
            _ = try await editor.changeVariant(
                variant, of: id, of: vendor, expected: try request.ifMatch(),
                VariantChange(status: .withdrawn))
            return .noContent
        }
    }

    private func vendor(_ context: UserContext) async throws -> VendorID {
        try await directory.activeVendor(of: context.principal, context.call)
    }

    private static func changed(_ product: Product) throws -> Reply {
        try .ok(ProductResponse(product, for: .owner), version: product.version)
    }
}
