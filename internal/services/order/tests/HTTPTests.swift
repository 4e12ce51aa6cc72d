import HTTPTypes
import SoukCallContext
import SoukEvents
import SoukHTTPTesting
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukProductKernel
import SoukTesting
import SoukTime
import SoukVendorKernel
import Synchronization
import Testing

@testable import SoukOrder

@Suite struct HTTPTests {
    private static let address =
        #"{"name":"Ada","line1":"1 Road","city":"London","postal_code":"N1","country":"GB"}"#

    private func send(
        _ service: OrderService, _ method: HTTPRequest.Method, _ path: String, as token: String? = nil,
        json: String? = nil, headers: [String: String] = [:]
    ) async throws -> Answer {
        var fields = HTTPFields()
        for (name, value) in headers { fields[try #require(HTTPField.Name(name))] = value }
        return try await TestCaller(register: service.registerRoutes)
            .send(method, path, as: token, body: json, headers: fields)
    }

    @Test func fromGuestCartToOrder() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(1_250))
        let me = PlainTokens.token(for: world.customer)
        #expect(try await send(service, .get, "/api/v1/cart").data["items"].items.isEmpty)
        let item = #"{"variant_id":"\#(variant.id)","quantity":2}"#
        let first = try await send(service, .post, "/api/v1/cart/items", json: item)
        let token = try #require(first.header("Cart-Token"))
        #expect(first.status == 200 && first.data["cart_token"].string == token)
        let line = try #require(first.data["items"].items.first)
        #expect(line["purchasable"].bool == true && line["available"].int == 100)
        #expect(line["total"]["amount"].int == 2_500)
        let id = try #require(line["id"].string)
        let patched = try await send(
            service, .patch, "/api/v1/cart/items/\(id)", json: #"{"quantity":3}"#,
            headers: ["Cart-Token": token])
        #expect(patched.data["item_count"].int == 3 && patched.header("Cart-Token") == nil)

        let body = #"{"shipping_address":\#(Self.address),"reference":"PO 7"}"#
        let both = ["Cart-Token": token, "Idempotency-Key": "k1"]
        let placed = try await send(service, .post, "/api/v1/checkout", as: me, json: body, headers: both)
        #expect(placed.status == 201)
        let order = try #require(placed.data["id"].string)
        #expect(placed.header("Location") == "/api/v1/orders/\(order)")
        let payment = placed.data["payment"]
        #expect(payment["state"].string == "pending")
        #expect(payment["pay_url"].string == "https://pay.example/\(order)")
        let again = try await send(service, .post, "/api/v1/checkout", as: me, json: body, headers: both)
        #expect(again.status == 201 && again.data["id"].string == order)
        #expect(again.header("Idempotency-Replayed") == "true")

        let list = try await send(
            service, .get, "/api/v1/orders?reference=PO%207&status=awaiting_payment", as: me)
        #expect(list.data.items.map { $0["id"].string } == [order])
        #expect(list.json["meta"]["total_count"].int == 1)
        for query in ["status=lost", "reference=", "reference=\(String(repeating: "x", count: 65))"] {
            #expect(try await send(service, .get, "/api/v1/orders?\(query)", as: me).status == 400)
        }
        let cancelled = try await send(service, .post, "/api/v1/orders/\(order)/cancel", as: me)
        #expect(cancelled.status == 200 && cancelled.data["status"].string == "cancelled")
        #expect(cancelled.data["payment"]["pay_url"] == .null)
    }

    @Test func refusalsAreToldApart() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100), stock: 1)
        let me = PlainTokens.token(for: world.customer)
        let body = #"{"shipping_address":\#(Self.address)}"#
        func checkout(_ json: String, key: String? = "k") async throws -> Answer {
            try await send(
                service, .post, "/api/v1/checkout", as: me, json: json,
                headers: key.map { ["Idempotency-Key": $0] } ?? [:])
        }
        #expect(try await send(service, .post, "/api/v1/checkout", json: body).status == 401)
        #expect(try await checkout(body, key: nil).code == "idempotency_key.missing")
        #expect(try await checkout(body).code == "cart.empty")
        #expect(try await checkout(#"{"shipping_address":{"name":"x"}}"#, key: "2").status == 422)
        #expect(try await checkout(#"{"price":1}"#, key: "3").status == 400)
        let abroad = body.replacing("GB", with: "XX")
        #expect(try await checkout(abroad, key: "4").status == 422)
        let items = #"{"items":[{"variant_id":"\#(variant.id)","quantity":2}]}"#
        #expect(try await send(service, .put, "/api/v1/cart/items", as: me, json: items).status == 200)
        let short = try await checkout(body)
        #expect(short.status == 409 && short.code == "stock.insufficient")
        #expect(short.json["errors"][0]["field"].string == "A")
        #expect(try await send(service, .delete, "/api/v1/cart", as: me).status == 204)
        #expect(
            try await send(service, .put, "/api/v1/cart/items", as: me, json: #"{"items":[{}]}"#).status
                == 422)
        let zero = #"{"variant_id":"\#(variant.id)","quantity":0}"#
        #expect(try await send(service, .post, "/api/v1/cart/items", as: me, json: zero).status == 422)
        let unknown = #"{"variant_id":"\#(VariantID())","quantity":1}"#
        #expect(try await send(service, .post, "/api/v1/cart/items", as: me, json: unknown).status == 422)

        // A peer that can't be reached is nobody's fault: come back with the same key.
        try await world.fill(service, [(variant.id, 1)])
        world.peers.script(.createIntent, [.before])
        let later = try await checkout(body, key: "5")
        #expect(later.status == 503 && later.header("Retry-After") != nil)
        #expect(try await checkout(body, key: "5").status == 201)
    }

    @Test func refusedOrdersAreAnsweredAlikeAndKeptOutOfTheHistory() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100))
        let me = PlainTokens.token(for: world.customer)
        try await world.fill(service, [(variant.id, 1)])
        world.peers.state.withLock { $0.refusesPayments = true }
        for _ in 0..<2 {
            let answer = try await send(
                service, .post, "/api/v1/checkout", as: me, json: #"{"shipping_address":\#(Self.address)}"#,
                headers: ["Idempotency-Key": "k"])
            #expect(answer.status == 422 && answer.code == "payment.refused")
            world.peers.state.withLock { $0.refusesPayments = false }
        }
        #expect(try await send(service, .get, "/api/v1/orders", as: me).data.items.isEmpty)
        #expect(try await send(service, .get, "/api/v1/orders?status=failed", as: me).data.items.count == 1)
    }

    @Test func nobodyTouchesWhatIsSomebodyElses() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        let variant = world.peers.sell("B", price: try OrderWorld.pounds(100))
        try await world.fill(service, [(variant.id, 1)])
        let mine = CartAccess(user: world.customer, token: nil)
        let item = try #require(try await service.carts.view(mine, world.context).priced.lines.first?.item.id)
        let stranger = PlainTokens.token(for: UserID())
        for path in ["/api/v1/orders/\(id)", "/api/v1/orders/\(OrderID())", "/api/v1/orders/nonsense"] {
            #expect(try await send(service, .get, path, as: stranger).status == 404)
            #expect(try await send(service, .post, "\(path)/cancel", as: stranger).status == 404)
        }
        for token in [stranger, nil] {
            #expect(
                try await send(
                    service, .patch, "/api/v1/cart/items/\(item)", as: token, json: #"{"quantity":9}"#
                ).status == 404)
            #expect(try await send(service, .delete, "/api/v1/cart/items/\(item)", as: token).status == 404)
        }
        #expect(try await send(service, .get, "/api/v1/orders", as: stranger).data.items.isEmpty)
        let everybody: [(HTTPRequest.Method, String)] = [
            (.get, "/api/v1/orders"), (.get, "/api/v1/orders/\(id)"), (.post, "/api/v1/orders/\(id)/cancel"),
        ]
        for (method, path) in everybody { #expect(try await send(service, method, path).status == 401) }
        let administrators: [(HTTPRequest.Method, String)] = [
            (.get, "/api/v1/admin/orders"), (.get, "/api/v1/admin/orders/\(id)"),
            (.post, "/api/v1/admin/reconcile"),
        ]
        for (method, path) in administrators {
            #expect(try await send(service, method, path).status == 401)
            #expect(
                try await send(service, method, path, as: PlainTokens.token(for: world.customer)).status
                    == 403)
        }
        #expect(try await world.status(id) == .awaitingPayment)
        #expect(try await service.carts.view(mine, world.context).priced.lines.map(\.item.quantity) == [1])
    }

    @Test func administratorsSeeAllOrders() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let first = try await world.placed(service, key: "1")
        world.clock.advance(by: .seconds(100))
        let second = try await world.placed(service, key: "2")
        let admin = PlainTokens.token(for: UserID(), .admin)
        func ids(_ query: String) async throws -> [String] {
            try await send(service, .get, "/api/v1/admin/orders\(query)", as: admin).data.items.compactMap {
                $0["id"].string
            }
        }
        #expect(try await ids("") == [second.description, first.description])
        #expect(try await ids("?page=2&size=1") == [first.description])
        #expect(try await ids("?customer_id=\(UserID())").isEmpty)
        let second50 = (world.clock.now() - .seconds(50)).rfc3339
        #expect(try await ids("?from=\(second50)") == [second.description])
        #expect(try await ids("?to=\(second50)") == [first.description])
        #expect(try await send(service, .get, "/api/v1/admin/orders?from=now", as: admin).status == 400)
        #expect(try await send(service, .get, "/api/v1/admin/orders/\(first)", as: admin).status == 200)
        world.peers.capture(first)
        world.clock.advance(by: .seconds(61))
        let report = try await send(service, .post, "/api/v1/admin/reconcile", as: admin)
        #expect(report.status == 200 && report.data["counts"] == .object(["lost_payment": .number(1)]))
        #expect(report.data["findings"][0]["order_id"].string == first.description)
    }

    @Test func theViewFollowsTheVendors() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let one = world.peers.sell("A", price: try OrderWorld.pounds(100))
        let two = world.peers.sell("B", price: try OrderWorld.pounds(100))
        try await world.fill(service, [(one.id, 1), (two.id, 1)])
        let id = try await service.checkout.place(
            world.command(), of: world.customer, key: "k", world.context)
        try await world.pay(service, id)
        let detail = try #require(try await OrderQueries().detail(id, in: world.database))
        func change(_ part: OrderPart, _ status: String) async throws {
            let event = VendorOrderChanged(
                vendorOrderId: part.vendorOrderID, orderId: id, number: "S", customerId: world.customer,
                vendorId: part.vendorID, status: status)
            for _ in 0..<2 { try await world.deliver(service, event) }
        }
        try await change(detail.parts[0], "accepted")
        #expect(try await world.status(id) == .paid)
        let line = try #require(detail.lines.first)
        let shipment = ShipmentCreated(
            shipmentId: ShipmentID(), vendorOrderId: detail.parts[0].vendorOrderID, orderId: id, number: "S",
            customerId: world.customer, vendorId: one.vendorID, carrier: "Post", trackingNumber: "T1",
            lines: [LineQuantityPayload(lineId: line.id, sku: "A", quantity: 1)])
        for _ in 0..<2 { try await world.deliver(service, shipment) }
        try await change(detail.parts[0], "shipped")
        #expect(try await world.status(id) == .partiallyShipped)
        try await change(detail.parts[1], "shipped")
        try await change(detail.parts[1], "accepted")
        #expect(try await world.status(id) == .shipped)
        for part in detail.parts { try await change(part, "delivered") }
        let returned = ReturnID()
        let rejected = ReturnRejected(
            returnId: returned, orderId: id, number: "S", customerId: world.customer, reason: "worn")
        let requested = ReturnRequested(
            returnId: returned, vendorOrderId: detail.parts[0].vendorOrderID, orderId: id, number: "S",
            customerId: world.customer, vendorId: one.vendorID, ownerId: UserID(),
            amount: try OrderWorld.pounds(100))
        try await world.deliver(service, requested)
        try await world.deliver(service, rejected)
        try await world.deliver(service, requested)

        let view = try await send(
            service, .get, "/api/v1/orders/\(id)", as: PlainTokens.token(for: world.customer))
        #expect(view.data["status"].string == "delivered")
        let part = try #require(view.data["parts"].items.first)
        #expect(part["shipments"].items.map { $0["tracking_number"].string } == ["T1"])
        #expect(view.data["returns"].items.map { $0["status"].string } == ["rejected"])
        #expect(view.data["returns"][0]["reason"].string == "worn")
        #expect(view.data["lines"][0]["attributes"] == .object(["colour": .string("red")]))
    }
}
