import Hummingbird
import SoukHTTP
import SoukIdentifiers

/// What admins do with categories.
struct CategoryRoutes: Sendable {
    let editor: CategoryEditor

    func register(on routes: Routes) {
        routes.admin.post("/api/v1/admin/categories") { request, _ -> Reply in
            let category = try await editor.create(try await request.body(CreateCategoryBody.self).draft)
            return try .created(
                CategoryResponse(category), location: "/api/v1/categories", version: category.version)
        }
        routes.admin.patch("/api/v1/admin/categories/{id}") { request, context -> Reply in
            let id = try context.id(as: CategoryID.self)
            let expected = try request.ifMatch()
            let change = try await request.body(ChangeCategoryBody.self).change
            let category = try await editor.change(id, expected: expected, change)
            return try .ok(CategoryResponse(category), version: category.version)
        }
        routes.admin.delete("/api/v1/admin/categories/{id}") { request, context -> Reply in
            try await editor.delete(try context.id(as: CategoryID.self), expected: try request.ifMatch())
            return .noContent
        }
    }
}
