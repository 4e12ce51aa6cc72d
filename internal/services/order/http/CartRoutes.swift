import HTTPTypes
import Hummingbird
import SoukCallContext
import SoukHTTP
import SoukIDs
import SoukIdentifiers

/// The cart of a user, or of a guest who holds its token.
struct CartRoutes: Sendable {
    let carts: Carts
    /// Whose guests have no limits.
    let exempt: [AddressRange]

    func register(_ routes: Routes) {
        routes.open.get("/api/v1/cart") { request, context in
            try reply(try await carts.view(access(request, context), context.call))
        }
        routes.open.put("/api/v1/cart/items") { request, context in
            let body = try await request.body(CartItemsBody.self)
            return try reply(
                try await carts.replace(
                    body.items.map(\.request), access(request, context), context.call))
        }
        routes.open.post("/api/v1/cart/items") { request, context in
            let body = try await request.body(CartItemBody.self)
            return try reply(
                try await carts.add(body.request, access(request, context), context.call))
        }
        routes.open.patch("/api/v1/cart/items/{id}") { request, context in
            let item: CartItemID = try context.id()
            let body = try await request.body(CartQuantityBody.self)
            return try reply(
                try await carts.setQuantity(
                    of: item, to: body.quantity, access(request, context), context.call))
        }
        routes.open.delete("/api/v1/cart/items/{id}") { request, context in
            try await carts.remove(try context.id(), access(request, context))
            return Reply.noContent
        }
        routes.open.delete("/api/v1/cart") { request, context in
            try await carts.clear(access(request, context))
            return Reply.noContent
        }
    }

    /// Whose cart this request is about.
    private func access(_ request: Request, _ context: SoukRequestContext) -> CartAccess {
        let isExempt = IPAddress(context.clientAddress).map { address in
            exempt.contains { $0.contains(address) }
        }
        return CartAccess(
            user: context.principal?.userID, token: request.cartToken,
            network: isExempt == true ? nil : IPAddress.clientNetwork(of: context.clientAddress))
    }

    private func reply(_ view: CartView) throws -> Reply {
        var headers = HTTPFields()
        // What a cart costs is for its owner only, and for this moment only.
        headers[.cacheControl] = "no-store"
        if let token = view.newToken, let name = HTTPField.Name.cartToken { headers[name] = token }
        return try .ok(CartResponse(view), headers: headers)
    }
}

extension HTTPField.Name {
    /// Names a guest's cart.
    static let cartToken = HTTPField.Name("Cart-Token")
}

extension Request {
    /// The token of a guest's cart, as it was sent.
    var cartToken: String? { HTTPField.Name.cartToken.flatMap { headers[$0] } }
}
