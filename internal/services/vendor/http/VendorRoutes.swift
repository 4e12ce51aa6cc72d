import Hummingbird
import SoukCallContext
import SoukErrors
import SoukHTTP
import SoukIDs
import SoukIdentifiers
import SoukPagination

/// Vendor accounts over HTTP.
struct VendorRoutes: Sendable {
    let accounts: VendorAccounts
    let storefronts: Storefronts

    func register(_ routes: Routes) {
        registerOpen(routes.open)
        registerOwn(routes.user)
        registerAdmin(routes.admin)
    }

    private func registerOpen(_ group: RouterGroup<SoukRequestContext>) {
        group.get("/api/v1/vendors") { request, _ in
            let page = try await accounts.published(
                try request.pageRequest(), containing: try request.searchText("q"))
            return try Reply.page(page.map(VendorProfileResponse.init))
        }
        group.get("/api/v1/vendors/{id}") { _, context in
            try Reply.ok(VendorProfileResponse(try await accounts.published(try context.id())))
        }
    }

    private func registerOwn(_ group: RouterGroup<UserContext>) {
        group.post("/api/v1/vendors") { request, context in
            let body = try await request.body(OpenAccountBody.self)
            let vendor = try await accounts.open(
                name: body.name, slug: body.slug, description: body.description, by: context.principal.userID)
            return try Reply.created(
                VendorAccountResponse(vendor), location: "/api/v1/vendors/me", version: vendor.version)
        }
        group.get("/api/v1/vendors/me") { _, context in
            let vendor = try await accounts.own(context.principal.userID)
            return try Reply.ok(VendorAccountResponse(vendor), version: vendor.version)
        }
        group.patch("/api/v1/vendors/me") { request, context in
            let version = try request.requiredIfMatch()
            let body = try await request.body(ChangeVendorBody.self)
            let vendor = try await accounts.change(
                body.changes, version: version, by: context.principal.userID)
            return try Reply.ok(VendorAccountResponse(vendor), version: vendor.version)
        }
        group.get("/api/v1/vendors/me/stores") { request, context in
            let page = try await storefronts.own(try request.pageRequest(), context.principal.userID)
            return try Reply.page(page.map(StoreResponse.init))
        }
    }

    private func registerAdmin(_ group: RouterGroup<AdminContext>) {
        group.get("/api/v1/admin/vendors") { request, _ in
            let page = try await accounts.all(
                try request.pageRequest(), status: try request.queryChoice("status", as: VendorStatus.self))
            return try Reply.page(page.map(VendorAccountResponse.init))
        }
        for decision in VendorDecision.allCases {
            group.post("/api/v1/admin/vendors/{id}/\(decision.rawValue)") { request, context in
                let id = try context.id(as: VendorID.self)
                let body = try await request.optionalBody(DecisionBody.self)
                let vendor = try await accounts.decide(decision, on: id, reason: body?.reason)
                return try Reply.ok(VendorAccountResponse(vendor), version: vendor.version)
            }
        }
    }
}

extension Request {
    /// A query parameter to search for; nil when absent or empty.
    ///
    /// Throws: `ValidationError` 400 beyond 100 characters.
    func searchText(_ name: String) throws -> String? {
        guard let text = queryString(name), !text.isEmpty else { return nil }
        guard text.utf8.count <= 400, text.count <= 100 else {
            throw ValidationError.malformed([
                FieldError(field: name, code: "length", message: "The value must have 1 to 100 characters.")
            ])
        }
        return text
    }
}
