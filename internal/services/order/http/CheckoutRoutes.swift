import Hummingbird
import SoukCallContext
import SoukDatabase
import SoukHTTP
import SoukIdempotency
import SoukIDs
import SoukIdentifiers

/// Buying the cart.
struct CheckoutRoutes: Sendable {
    let checkout: Checkout
    let carts: Carts
    let database: any Database
    let idempotency: Idempotency
    private let queries = OrderQueries()

    init(checkout: Checkout, carts: Carts, database: any Database, idempotency: Idempotency) {
        self.checkout = checkout
        self.carts = carts
        self.database = database
        self.idempotency = idempotency
    }

    func register(_ routes: Routes) {
        routes.user.post("/api/v1/checkout") { request, context in
            try await idempotency.run(request, context) { request, key in
                let body = try await request.body(CheckoutBody.self)
                // A guest who logged in at checkout means the cart that was filled before.
                _ = try await carts.owner(
                    CartAccess(user: context.principal.userID, token: request.cartToken))
                let id = try await checkout.place(
                    body.command, of: context.principal.userID, key: key, context.call)
                return try .created(try await response(id), location: "/api/v1/orders/\(id)").about(id)
            } rereading: { _, subject in
                guard let id = OrderID(subject) else { throw OrderError.notFound }
                return try .ok(try await response(id))
            }
        }
    }

    private func response(_ id: OrderID) async throws -> OrderResponse {
        guard let detail = try await queries.detail(id, in: database) else { throw OrderError.notFound }
        return OrderResponse(detail)
    }
}
