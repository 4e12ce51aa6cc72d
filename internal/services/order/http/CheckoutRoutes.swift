import Hummingbird
import SoukCallContext
import SoukDatabase
import SoukHTTP
import SoukIDs

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
                _ = try await carts.owner(request.cartAccess(context.principal))
                let id = try await checkout.place(
                    body.command, of: context.principal.userID, key: key, context.call)
                guard let detail = try await queries.detail(id, in: database) else {
                    throw OrderError.notFound
                }
                return try .created(OrderResponse(detail), location: "/api/v1/orders/\(id)")
            }
        }
    }
}
