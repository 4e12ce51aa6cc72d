import Hummingbird
import SoukCallContext
import SoukHTTP
import SoukIdempotency
import SoukIDs
import SoukIdentifiers
import SoukPagination

/// Returns over HTTP.
struct ReturnRoutes: Sendable {
    /// Whose returns a list shows.
    private enum Side: String, CaseIterable {
        /// What the caller sent back.
        case customer
        /// What came back to the caller's vendor.
        case vendor
    }

    let returns: Returns
    let idempotency: Idempotency

    func register(_ routes: Routes) {
        registerAsking(routes.user)
        registerDeciding(routes.user)
    }

    private func registerAsking(_ group: RouterGroup<UserContext>) {
        group.post("/api/v1/vendor-orders/{id}/returns") { request, context in
            try await idempotency.run(request, context) { request, key in
                let id = try context.id(as: VendorOrderID.self)
                let body = try await request.body(ReturnBody.self)
                let made = try await returns.request(
                    body.lines, of: id, reason: body.reason, by: context.principal.userID, key: key)
                return try Reply.created(ReturnResponse(made), location: "/api/v1/returns/\(made.id)")
                    .about(made.id)
            } rereading: { _, subject in
                guard let id = ReturnID(subject) else { throw VendorError.notFound(.return) }
                return try Reply.ok(
                    ReturnResponse(try await returns.find(id, for: context.principal.userID)))
            }
        }
        group.get("/api/v1/returns") { request, context in
            let page = try request.pageRequest()
            let status = try request.queryChoice("status", as: ReturnStatus.self)
            let user = context.principal.userID
            let found =
                switch try request.queryChoice("as", as: Side.self) ?? .customer {
                case .customer: try await returns.requested(page, status: status, by: user)
                case .vendor: try await returns.received(page, status: status, by: user)
                }
            return try Reply.page(found.map(ReturnResponse.init))
        }
        group.get("/api/v1/returns/{id}") { _, context in
            try Reply.ok(
                ReturnResponse(try await returns.find(try context.id(), for: context.principal.userID)))
        }
    }

    private func registerDeciding(_ group: RouterGroup<UserContext>) {
        group.post("/api/v1/returns/{id}/approve") { request, context in
            let body = try await request.optionalBody(ApprovalBody.self)
            let decided = try await returns.approve(
                try context.id(), restock: body?.restock ?? true, by: context.principal.userID)
            return try Reply.ok(ReturnResponse(decided))
        }
        group.post("/api/v1/returns/{id}/reject") { request, context in
            let body = try await request.body(RejectionBody.self)
            let decided = try await returns.reject(
                try context.id(), reason: body.reason, by: context.principal.userID)
            return try Reply.ok(ReturnResponse(decided))
        }
    }
}
