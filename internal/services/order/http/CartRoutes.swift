import HTTPTypes
import Hummingbird
import SoukCallContext
import SoukHTTP
import SoukIdentifiers

/// The cart of a user, or of a guest who holds its token.
struct CartRoutes: Sendable {
    let carts: Carts

    func register(_ routes: Routes) {
        routes.open.get("/api/v1/cart") { request, context in
            try reply(try await carts.view(request.cartAccess(context.principal), context.call))
        }
        routes.open.put("/api/v1/cart/items") { request, context in
            let body = try await request.body(CartItemsBody.self)
            return try reply(
                try await carts.replace(
                    body.items.map(\.request), request.cartAccess(context.principal), context.call))
        }
        routes.open.post("/api/v1/cart/items") { request, context in
            let body = try await request.body(CartItemBody.self)
            return try reply(
                try await carts.add(body.request, request.cartAccess(context.principal), context.call))
        }
        routes.open.patch("/api/v1/cart/items/{id}") { request, context in
            let item: CartItemID = try context.id()
            let body = try await request.body(CartQuantityBody.self)
            return try reply(
                try await carts.setQuantity(
                    of: item, to: body.quantity, request.cartAccess(context.principal), context.call))
        }
        routes.open.delete("/api/v1/cart/items/{id}") { request, context in
            try await carts.remove(try context.id(), request.cartAccess(context.principal))
            return Reply.noContent
        }
        routes.open.delete("/api/v1/cart") { request, context in
            try await carts.clear(request.cartAccess(context.principal))
            return Reply.noContent
        }
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
    /// Whose cart this request is about.
    func cartAccess(_ principal: Principal?) -> CartAccess {
        CartAccess(user: principal?.userID, token: HTTPField.Name.cartToken.flatMap { headers[$0] })
    }
}
