import HTTPTypes
import SoukHTTPTesting
import SoukIDs
import SoukIdentifiers
import Testing

@testable import SoukVendor

@Suite struct OwnershipTests {
    /// Every id of somebody else on every route that takes one: 403 or 404, and nothing changes.
    @Test func idsOfOthersLeadNowhere() async throws {
        let web = try await WebBench()
        let (mine, other) = (try await WebShop(web), try await WebShop(web))
        let (customer, stranger) = (UserID(), UserID())
        let order = try await mine.sell(to: customer)
        let path = "/api/v1/vendor-orders/\(order)"
        let line = try #require(try await web.send(.get, path, as: customer).text("data.lines.0.id"))
        _ = try await web.send(.post, "\(path)/accept", as: mine.owner)
        let shipment = try #require(
            try await web.send(
                .post, "\(path)/shipments", as: mine.owner,
                body: #"{"carrier": "P", "lines": [{"line_id": "\#(line)", "quantity": 1}]}"#, key: "s"
            ).text("data.id"))
        let ask = #"{"lines": [{"line_id": "\#(line)", "quantity": 1}], "reason": "x"}"#
        let returned = try #require(
            try await web.send(.post, "\(path)/returns", as: customer, body: ask, key: "r").text("data.id"))
        let store = "/api/v1/stores/\(mine.store)"
        let admin = "/api/v1/admin/vendors/\(mine.vendor)"
        let attempts: [(HTTPRequest.Method, String, String?)] = [
            (.patch, store, #"{"name": "x"}"#), (.get, "\(store)/inventory", nil),
            (.put, "\(store)/inventory", #"{"items": [{"sku": "a", "on_hand": 0}]}"#),
            (.post, "\(store)/inventory/adjustments", #"{"sku": "a", "delta": 1, "reason": "x"}"#),
            (.get, "\(store)/inventory/movements", nil), (.get, path, nil), (.post, "\(path)/accept", nil),
            (.post, "\(path)/shipments", #"{"carrier": "P"}"#),
            (.post, "\(path)/shipments/\(shipment)/deliver", nil), (.post, "\(path)/returns", ask),
            (.get, "/api/v1/returns/\(returned)", nil), (.post, "/api/v1/returns/\(returned)/approve", nil),
            (.post, "/api/v1/returns/\(returned)/reject", #"{"reason": "x"}"#),
            (.post, "\(admin)/approve", nil), (.post, "\(admin)/reject", nil),
            (.post, "\(admin)/suspend", nil),
            (.post, "\(admin)/reinstate", nil), (.get, "/api/v1/admin/vendors", nil),
            (.get, "/api/v1/admin/vendor-orders", nil), (.get, "/api/v1/admin/inventory/summary", nil),
        ]
        let before = try await contents(of: web.database)
        for (method, target, body) in attempts {
            for (number, caller) in [other.owner, stranger].enumerated() {
                let answer = try await web.send(
                    method, target, as: caller, body: body, key: "x\(number)", ifMatch: "\"1\"")
                #expect([403, 404].contains(answer.status), "\(method) \(target): \(answer.status)")
            }
            let nobody = try await web.send(method, target, body: body, key: "x", ifMatch: "\"1\"")
            #expect(nobody.status == 401, "\(method) \(target): \(nobody.status)")
        }
        // The customer of an order is not its vendor, nor the other way round.
        for target in [
            "\(path)/accept", "\(path)/shipments/\(shipment)/deliver", "/api/v1/returns/\(returned)/approve",
        ] {
            #expect(try await web.send(.post, target, as: customer).status == 404)
        }
        #expect(
            try await web.send(.post, "\(path)/returns", as: mine.owner, body: ask, key: "y").status == 404)
        // A shipment of mine does not hide behind an order of somebody else's.
        let theirs = try await other.sell(to: stranger)
        let afterSale = try await contents(of: web.database)
        #expect(
            try await web.send(
                .post, "/api/v1/vendor-orders/\(theirs)/shipments/\(shipment)/deliver", as: other.owner
            )
            .status == 404)
        #expect(try await contents(of: web.database) == afterSale)
        #expect(Set(before).subtracting(afterSale).allSatisfy { $0.hasPrefix("inventory:") })
        #expect(
            try await web.send(.get, "/api/v1/vendor-orders", as: other.owner).text("meta.total_count") == "1"
        )
    }
}
