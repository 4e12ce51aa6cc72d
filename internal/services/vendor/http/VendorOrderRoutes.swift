import Hummingbird
import SoukCallContext
import SoukHTTP
import SoukIdempotency
import SoukIDs
import SoukIdentifiers
import SoukPagination

/// Vendor orders and shipments over HTTP.
struct VendorOrderRoutes: Sendable {
    let fulfilment: Fulfilment
    let idempotency: Idempotency

    func register(_ routes: Routes) {
        registerReading(routes.user)
        registerFulfilment(routes.user)
        routes.admin.get("/api/v1/admin/vendor-orders") { request, _ in
            let page = try await fulfilment.all(try request.pageRequest(), try Self.filter(of: request))
            return try Reply.page(page.map(VendorOrderResponse.init))
        }
    }

    private func registerReading(_ group: RouterGroup<UserContext>) {
        group.get("/api/v1/vendor-orders") { request, context in
            let page = try await fulfilment.orders(
                try request.pageRequest(), try Self.filter(of: request), of: context.principal.userID)
            return try Reply.page(page.map(VendorOrderResponse.init))
        }
        group.get("/api/v1/vendor-orders/{id}") { _, context in
            let order = try await fulfilment.order(try context.id(), for: context.principal.userID)
            return try Reply.ok(VendorOrderResponse(order))
        }
    }

    private func registerFulfilment(_ group: RouterGroup<UserContext>) {
        group.post("/api/v1/vendor-orders/{id}/accept") { _, context in
            let order = try await fulfilment.accept(try context.id(), by: context.principal.userID)
            return try Reply.ok(VendorOrderResponse(order))
        }
        group.post("/api/v1/vendor-orders/{id}/shipments") { request, context in
            try await idempotency.run(request, context) { request, key in
                let id = try context.id(as: VendorOrderID.self)
                let body = try await request.body(ShipmentBody.self)
                let (order, shipment) = try await fulfilment.ship(
                    body.parcel, of: id, by: context.principal.userID, key: key)
                return try Reply.created(
                    try Self.answer(shipment, of: order), location: "/api/v1/vendor-orders/\(id)"
                ).about(shipment)
            } rereading: { _, subject in
                guard let shipment = ShipmentID(subject) else { throw VendorError.notFound(.shipment) }
                let order = try await fulfilment.order(try context.id(), for: context.principal.userID)
                return try Reply.ok(try Self.answer(shipment, of: order))
            }
        }
        group.post("/api/v1/vendor-orders/{id}/shipments/{shipment_id}/deliver") { _, context in
            let shipment = try context.id("shipment_id", as: ShipmentID.self)
            let order = try await fulfilment.deliver(
                shipment, of: try context.id(), by: context.principal.userID)
            return try Reply.ok(try Self.answer(shipment, of: order))
        }
    }

    private static func answer(_ id: ShipmentID, of order: VendorOrder) throws -> ShipmentResponse {
        guard let shipment = order.shipments.first(where: { $0.id == id }) else {
            throw VendorError.notFound(.shipment)
        }
        return ShipmentResponse(shipment, of: order)
    }

    private static func filter(of request: Request) throws -> VendorOrderTable.Filter {
        VendorOrderTable.Filter(
            store: try request.queryID("store_id"), order: try request.queryID("order_id"),
            status: try request.queryChoice("status"))
    }
}
