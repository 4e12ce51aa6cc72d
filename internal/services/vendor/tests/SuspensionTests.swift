import HTTPTypes
import SoukHTTPTesting
import SoukIDs
import Testing

@testable import SoukVendor

/// From the commit of its suspension on a vendor changes nothing that it sells, and does what customers have paid for.
@Suite struct SuspensionTests {
    private static func vendorPath(_ shop: WebShop) -> String { "/api/v1/admin/vendors/\(shop.vendor)" }

    private static func edits(_ shop: WebShop) -> [(HTTPRequest.Method, String, String)] {
        let store = "/api/v1/stores/\(shop.store)"
        return [
            (.patch, "/api/v1/vendors/me", #"{"name": "Renamed"}"#),
            (.post, "/api/v1/stores", #"{"name": "Another"}"#), (.patch, store, #"{"name": "Renamed"}"#),
            (.put, "\(store)/inventory", #"{"items": [{"sku": "a", "on_hand": 77}]}"#),
            (.post, "\(store)/inventory/adjustments", #"{"sku": "a", "delta": 1, "reason": "found"}"#),
        ]
    }

    @Test func aSuspendedVendorChangesNothingThatItSells() async throws {
        let web = try await WebBench()
        let shop = try await WebShop(web)
        func decide(_ decision: String) async throws -> Int {
            try await web.send(
                .post, "\(Self.vendorPath(shop))/\(decision)", as: UserID(), admin: true, body: "{}"
            ).status
        }
        // A vendor who still sees its own things, and a key that was used before the suspension.
        let reads = [
            "/api/v1/vendors/me", "/api/v1/vendors/me/stores", "/api/v1/stores/\(shop.store)/inventory",
            "/api/v1/stores/\(shop.store)/inventory/movements", "/api/v1/vendor-orders",
            "/api/v1/returns?as=vendor",
        ]
        #expect(try await decide("suspend") == 200)
        let before = try await contents(of: web.database)
        for (number, (method, path, body)) in Self.edits(shop).enumerated() {
            for version in 1...3 {
                let answer = try await web.send(
                    method, path, as: shop.owner, body: body, key: "k\(number)-\(version)",
                    ifMatch: "\"\(version)\"")
                #expect(answer.status == 403 && answer.code == "vendor.not_active", "\(method) \(path)")
            }
        }
        for path in reads { #expect(try await web.send(.get, path, as: shop.owner).status == 200, "\(path)") }
        #expect(try await contents(of: web.database) == before)

        // The same works once the vendor is reinstated: what was refused was refused for the suspension.
        #expect(try await decide("reinstate") == 200)
        for (number, (method, path, body)) in Self.edits(shop).enumerated() {
            let version = path == "/api/v1/vendors/me" ? 4 : 1
            let answer = try await web.send(
                method, path, as: shop.owner, body: body, key: "r\(number)", ifMatch: "\"\(version)\"")
            #expect(answer.status < 300, "\(method) \(path): \(answer.body)")
        }
    }

    @Test func aVendorThatWasTurnedDownChangesNothingEither() async throws {
        let web = try await WebBench()
        let owner = UserID()
        let made = try await web.send(.post, "/api/v1/vendors", as: owner, body: #"{"name": "Ann's"}"#)
        let profile = #"{"name": "Renamed"}"#
        // Pending: an application may be corrected, and there is nothing to sell yet.
        #expect(
            try await web.send(.patch, "/api/v1/vendors/me", as: owner, body: profile, ifMatch: "\"1\"")
                .status
                == 200)
        #expect(
            try await web.send(.post, "/api/v1/stores", as: owner, body: #"{"name": "S"}"#).status == 409)
        let path = "/api/v1/admin/vendors/\(try #require(made.text("data.id")))/reject"
        #expect(try await web.send(.post, path, as: UserID(), admin: true, body: "{}").status == 200)
        for (method, path, body) in [
            (HTTPRequest.Method.patch, "/api/v1/vendors/me", profile),
            (.post, "/api/v1/stores", #"{"name": "S"}"#),
        ] {
            #expect(
                try await web.send(method, path, as: owner, body: body, ifMatch: "\"3\"").status == 403)
        }
    }

    /// Changes race with the suspension: each is committed before it or refused, so that the stock stays what it was when the
    /// suspension had been committed.
    @Test func noChangeIsMadeAfterTheSuspension() async throws {
        let bench = try await VendorBench()
        let stock = bench.useCases.stock
        for round in 0..<5 {
            let shop = try await bench.shop(["a": 0])
            let atSuspension = try await withThrowingTaskGroup(of: Int?.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        do {
                            _ = try await stock.adjust(
                                "a", by: 1, note: "x", in: shop.store, by: shop.owner, key: "k\(number)")
                        } catch VendorError.vendorNotActive {
                            // The suspension came first.
                        }
                        return nil
                    }
                }
                group.addTask {
                    _ = try await bench.useCases.accounts.decide(.suspend, on: shop.vendor, reason: nil)
                    return try await bench.item("a", in: shop).onHand
                }
                return try await group.reduce(0) { $1 ?? $0 }
            }
            #expect(try await bench.item("a", in: shop).onHand == atSuspension, "round \(round)")
            await #expect(throws: VendorError.vendorNotActive(.suspended)) {
                try await stock.adjust("a", by: 1, note: "x", in: shop.store, by: shop.owner, key: "late")
            }
        }
    }
}
