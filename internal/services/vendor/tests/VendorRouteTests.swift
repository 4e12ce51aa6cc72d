import HTTPTypes
import SoukHTTPTesting
import SoukIDs
import SoukIdentifiers
import Testing

@testable import SoukVendor

@Suite struct VendorRouteTests {
    @Test func fromApplicationToOpenStore() async throws {
        let web = try await WebBench()
        let (owner, admin) = (UserID(), UserID())
        let opened = try await web.send(
            .post, "/api/v1/vendors", as: owner, body: #"{"name": "Blue Door", "description": "Books"}"#)
        #expect(opened.status == 201 && opened.text("data.slug") == "blue-door")
        #expect(opened.text("data.status") == "pending" && opened.headers[.eTag] == "\"1\"")
        let id = try #require(opened.text("data.id"))
        #expect(
            try await web.send(.post, "/api/v1/vendors", as: owner, body: #"{"name": "B"}"#).code
                == "vendor.exists")
        #expect(
            try await web.send(
                .post, "/api/v1/vendors", as: UserID(), body: #"{"name": "B", "slug": "blue-door"}"#
            )
            .code == "slug.taken")
        #expect(try await web.send(.get, "/api/v1/vendors/\(id)").status == 404)
        let early = try await web.send(.post, "/api/v1/stores", as: owner, body: #"{"name": "Main"}"#)
        #expect(early.status == 409 && early.code == "vendor.not_active")
        #expect(try await web.send(.post, "/api/v1/admin/vendors/\(id)/approve", as: owner).status == 403)
        for _ in 0..<2 {
            let approved = try await web.send(
                .post, "/api/v1/admin/vendors/\(id)/approve", as: admin, admin: true)
            #expect(approved.status == 200 && approved.text("data.status") == "active")
            #expect(approved.text("data.version") == "2")
        }
        #expect(
            try await web.send(.post, "/api/v1/admin/vendors/\(id)/reject", as: admin, admin: true).status
                == 409)
        let store = try await web.send(.post, "/api/v1/stores", as: owner, body: #"{"name": "Main"}"#)
        #expect(store.status == 201)
        let storeID = try #require(store.text("data.id"))
        #expect(store.headers[.location] == "/api/v1/stores/\(storeID)")
        #expect(try await web.send(.get, "/api/v1/vendors?q=BLUE").text("meta.total_count") == "1")
        #expect(try await web.send(.get, "/api/v1/vendors?q=%25").text("meta.total_count") == "0")
        #expect(try await web.send(.get, "/api/v1/stores?vendor_id=\(id)").text("data.0.id") == storeID)
        #expect(try await web.send(.get, "/api/v1/vendors/me/stores", as: owner).text("data.0.id") == storeID)
        let suspended = try await web.send(
            .post, "/api/v1/admin/vendors/\(id)/suspend", as: admin, admin: true, body: #"{"reason": "late"}"#
        )
        #expect(suspended.text("data.status_reason") == "late")
        #expect(try await web.send(.get, "/api/v1/stores/\(storeID)").status == 404)
        #expect(try await web.send(.get, "/api/v1/stores").text("meta.total_count") == "0")
        #expect(
            try await web.send(.get, "/api/v1/admin/vendors?status=suspended", as: admin, admin: true)
                .text("data.0.id") == id)
    }

    @Test func changesNeedTheVersionSeen() async throws {
        let web = try await WebBench()
        let shop = try await WebShop(web)
        let path = "/api/v1/stores/\(shop.store)"
        let body = #"{"status": "closed", "description": null}"#
        #expect(try await web.send(.patch, path, as: shop.owner, body: body).status == 428)
        #expect(try await web.send(.patch, path, as: shop.owner, body: body, ifMatch: "\"9\"").status == 412)
        let changed = try await web.send(.patch, path, as: shop.owner, body: body, ifMatch: "\"1\"")
        #expect(changed.status == 200 && changed.headers[.eTag] == "\"2\"")
        #expect(changed.text("data.status") == "closed" && changed.text("data.name") == "Main")
        // On vacation: still shown, nothing to buy.
        #expect(try await web.send(.get, path).text("data.status") == "closed")
        #expect(try await web.send(.get, "\(path)/availability?sku=a").text("data.0.available") == "0")
        let me = try await web.send(
            .patch, "/api/v1/vendors/me", as: shop.owner, body: #"{"name": "New"}"#, ifMatch: "\"2\"")
        #expect(me.status == 200 && me.text("data.name") == "New")
        #expect(
            try await web.send(.patch, path, as: shop.owner, body: #"{"status": "gone"}"#, ifMatch: "\"2\"")
                .status
                == 422)
    }

    @Test func stockIsCountedAndAdjustedOncePerKey() async throws {
        let web = try await WebBench()
        let shop = try await WebShop(web)
        let path = "/api/v1/stores/\(shop.store)/inventory"
        let items =
            #"{"items": [{"sku": "a", "on_hand": 5, "low_stock_threshold": 5}, {"sku": "b", "on_hand": 9}]}"#
        #expect(try await web.send(.put, path, as: shop.owner, body: items).code == "idempotency_key.missing")
        for _ in 0..<2 {
            let counted = try await web.send(.put, path, as: shop.owner, body: items, key: "k1")
            #expect(counted.status == 200 && counted.text("data.1.available") == "9")
        }
        let twice = #"{"items": [{"sku": "a", "on_hand": 5}, {"sku": "a", "on_hand": 9}]}"#
        let refused = try await web.send(.put, path, as: shop.owner, body: twice, key: "k2")
        #expect(refused.status == 422 && refused.text("errors.0.field") == "items[1].sku")
        for _ in 0..<2 {
            let adjusted = try await web.send(
                .post, "\(path)/adjustments", as: shop.owner,
                body: #"{"sku": "b", "delta": -2, "reason": "broken"}"#,
                key: "k3")
            #expect(adjusted.text("data.on_hand") == "7")
        }
        let tooMany = try await web.send(
            .post, "\(path)/adjustments", as: shop.owner,
            body: #"{"sku": "b", "delta": -8, "reason": "lost"}"#, key: "k4")
        #expect(tooMany.status == 409 && tooMany.code == "stock.insufficient")
        #expect(try await web.send(.get, "\(path)?low=true", as: shop.owner).text("meta.total_count") == "1")
        #expect(try await web.send(.get, "\(path)?sku=b", as: shop.owner).text("data.0.on_hand") == "7")
        let journal = try await web.send(.get, "\(path)/movements?sku=b", as: shop.owner)
        #expect(journal.text("data.0.delta") == "-2" && journal.text("data.0.note") == "broken")
        let available = try await web.send(.get, "/api/v1/stores/\(shop.store)/availability?sku=b,x,b")
        #expect(available.text("data.0.available") == "7" && available.text("data.1.available") == "0")
        #expect(available.text("data.2") == nil)
        #expect(try await web.send(.get, "/api/v1/stores/\(shop.store)/availability").status == 400)
        let summary = try await web.send(.get, "/api/v1/admin/inventory/summary", as: UserID(), admin: true)
        #expect(summary.text("data.0.on_hand") == "12" && summary.text("data.0.movements") == "12")
        #expect(summary.text("data.0.movements_by_reason.adjustment") == "-2")
    }

    @Test func anOrderIsFulfilledAndReturned() async throws {
        let web = try await WebBench()
        let shop = try await WebShop(web)
        let customer = UserID()
        let order = try await shop.sell(to: customer)
        let path = "/api/v1/vendor-orders/\(order)"
        let listed = try await web.send(.get, "/api/v1/vendor-orders?status=new", as: shop.owner)
        #expect(listed.text("data.0.id") == order)
        #expect(listed.text("data.0.shipping_address.postal_code") == "E1")
        let line = try #require(listed.text("data.0.lines.0.id"))
        let early = try await web.send(
            .post, "\(path)/shipments", as: shop.owner, body: #"{"carrier": "Post"}"#, key: "s0")
        #expect(early.status == 409 && early.code == "vendor_order.invalid_state")
        for _ in 0..<2 {
            #expect(
                try await web.send(.post, "\(path)/accept", as: shop.owner).text("data.status") == "accepted")
        }
        let shipped = try await web.send(
            .post, "\(path)/shipments", as: shop.owner, body: #"{"carrier": "Post", "tracking_number": "T"}"#,
            key: "s1")
        #expect(shipped.status == 201 && shipped.text("data.vendor_order_status") == "shipped")
        let shipment = try #require(shipped.text("data.id"))
        for _ in 0..<2 {
            let delivered = try await web.send(.post, "\(path)/shipments/\(shipment)/deliver", as: shop.owner)
            #expect(delivered.status == 200 && delivered.text("data.vendor_order_status") == "delivered")
        }
        #expect(try await web.send(.get, path, as: customer).text("data.shipments.0.status") == "delivered")
        let ask = #"{"lines": [{"line_id": "\#(line)", "quantity": 1}], "reason": "too big"}"#
        let asked = try await web.send(.post, "\(path)/returns", as: customer, body: ask, key: "r1")
        #expect(asked.status == 201 && asked.text("data.amount.amount") == "1000")
        let id = try #require(asked.text("data.id"))
        #expect(try await web.send(.get, "/api/v1/returns?as=vendor", as: shop.owner).text("data.0.id") == id)
        #expect(try await web.send(.get, "/api/v1/returns", as: customer).text("data.0.id") == id)
        #expect(try await web.send(.get, "/api/v1/returns", as: shop.owner).text("meta.total_count") == "0")
        let approved = try await web.send(.post, "/api/v1/returns/\(id)/approve", as: shop.owner)
        #expect(approved.text("data.status") == "approved" && approved.text("data.restocked") == "true")
        let late = try await web.send(
            .post, "/api/v1/returns/\(id)/reject", as: shop.owner, body: #"{"reason": "x"}"#)
        #expect(late.status == 409 && late.code == "return.invalid_state")
        let again = try await web.send(.post, "\(path)/returns", as: customer, body: ask, key: "r2")
        #expect(again.status == 201)
        let tooMany = try await web.send(.post, "\(path)/returns", as: customer, body: ask, key: "r3")
        #expect(tooMany.status == 409 && tooMany.code == "return.exceeds_shipped")
        #expect(
            try await web.send(.get, "/api/v1/admin/vendor-orders", as: UserID(), admin: true).text(
                "data.0.id") == order)
    }

    @Test func whatIsNoIdLeadsNowhereAndBadQueriesAreRefused() async throws {
        let web = try await WebBench()
        let owner = UserID()
        #expect(try await web.send(.get, "/api/v1/stores/nonsense").status == 404)
        #expect(try await web.send(.get, "/api/v1/vendor-orders/\(OrderID())", as: owner).status == 404)
        #expect(try await web.send(.get, "/api/v1/vendors/me", as: owner).status == 404)
        #expect(try await web.send(.get, "/api/v1/vendor-orders", as: owner).status == 404)
        #expect(try await web.send(.get, "/api/v1/vendors?size=1000").status == 400)
        #expect(try await web.send(.get, "/api/v1/stores?vendor_id=x").status == 400)
        #expect(try await web.send(.get, "/api/v1/returns?as=king", as: owner).status == 400)
        #expect(try await web.send(.post, "/api/v1/vendors", as: owner, body: #"{"name": 5}"#).status == 400)
        #expect(try await web.send(.post, "/api/v1/vendors", as: owner, body: #"{"name": ""}"#).status == 422)
        #expect(
            try await web.send(.post, "/api/v1/vendors", as: owner, body: #"{"name": "a", "x": 1}"#).status
                == 400)
    }
}
