import Hummingbird
import SoukCallContext
import SoukErrors
import SoukHTTP
import SoukIDs
import SoukPagination

/// The caller's own account, and all accounts for admins.
struct UserRoutes: Sendable {
    let profiles: Profiles
    let administration: UserAdministration
    let clients: ClientAddresses

    private static let maxBytes = 16 << 10

    func register(on routes: Routes) {
        registerOwn(on: routes)
        registerAdministration(on: routes)
    }

    private func registerOwn(on routes: Routes) {
        routes.user.get("/api/v1/users/me") { _, context -> Reply in
            let user = try await profiles.own(context.principal)
            return try .ok(UserResponse(user), version: user.version)
        }
        routes.user.patch("/api/v1/users/me") { request, context -> Reply in
            let expected = try request.ifMatch()
            let body = try await request.body(ProfileBody.self, maxBytes: Self.maxBytes)
            let user = try await profiles.change(
                body.change, of: context.principal, expected: expected,
                from: clients.client(context.clientAddress))
            return try .ok(UserResponse(user), version: user.version)
        }
    }

    private func registerAdministration(on routes: Routes) {
        routes.admin.get("/api/v1/admin/users") { request, _ -> Reply in
            let filter = UserFilter(
                text: try Self.searchText(request), role: try request.queryChoice("role", as: Role.self))
            return try .page(
                try await administration.list(filter, try request.pageRequest()).map(UserResponse.init))
        }
        routes.admin.get("/api/v1/admin/users/{id}") { _, context -> Reply in
            let user = try await administration.user(try context.id(as: UserID.self))
            return try .ok(UserResponse(user), version: user.version)
        }
        routes.admin.patch("/api/v1/admin/users/{id}") { request, context -> Reply in
            let id = try context.id(as: UserID.self)
            let expected = try request.ifMatch()
            let body = try await request.body(UserStateBody.self, maxBytes: Self.maxBytes)
            let user = try await administration.setActive(
                body.active, id, expected: expected, by: context.principal)
            return try .ok(UserResponse(user), version: user.version)
        }
        routes.admin.put("/api/v1/admin/users/{id}/roles/{role}") { _, context -> Reply in
            try await administration.assign(
                try Self.role(context), to: try context.id(as: UserID.self), by: context.principal)
            return .noContent
        }
        routes.admin.delete("/api/v1/admin/users/{id}/roles/{role}") { _, context -> Reply in
            try await administration.remove(
                try Self.role(context), from: try context.id(as: UserID.self), by: context.principal)
            return .noContent
        }
    }

    /// A role that does not exist is a path that does not exist.
    private static func role(_ context: some RequestContext) throws -> Role {
        guard let role = Role(rawValue: try context.parameter("role")) else {
            throw ServiceError(.notFound, code: "role.not_found", message: "There is no such role.")
        }
        return role
    }

    private static func searchText(_ request: Request) throws -> String? {
        guard let text = request.queryString("q") else { return nil }
        try UserFilter.check(text, field: "q")
        return text
    }
}
