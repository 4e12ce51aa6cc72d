import HTTPTypes
import SoukDatabase
import SoukHTTP
import SoukHTTPTesting
import SoukIDs
@testable import SoukProduct
import SoukTesting
import SoukTime
import SoukVendorKernel
import Testing

@Suite struct VendorProductTests {
    @Test func vendorsMakeProducts() async throws {
        let shop = try await ProductFixture()
        let category = try await shop.category("Hats")
        let json = """
            {"name": "Straw Hat", "description": "Light.", "category_ids": ["\(category)", "\(category)"],
             "attributes": {"material_kind": "straw", "careLabel": "dry"},
             "media": [{"url": "https://img.example/2.jpg", "alt": "back", "position": 9},
                       {"url": "http://img.example/1.jpg"}],
             "variants": [
               {"sku": "H-S", "attributes": {"size": "S"}, "price": {"amount": 1500, "currency": "GBP"}},
               {"sku": "H-M", "attributes": {"size": "M"}, "price": {"amount": 1700, "currency": "GBP"}}]}
            """
        let made = try await shop.send(.post, "/api/v1/products", as: shop.ann, json: json)
        #expect(made.status == 201)
        #expect(made.etag == "\"1\"")
        #expect(made.headers[.location] == "/api/v1/products/\(made.data["id"].string ?? "")")
        let read = try await shop.send(.get, "/api/v1/products/\(made.data["id"].string ?? "")", as: shop.ann)
        #expect(read.data == made.data)
        #expect(read.data["status"].string == "draft")
        #expect(read.data["slug"].string == "straw-hat")
        #expect(read.data["vendor_id"].string == shop.annsVendor.description)
        #expect(read.data["category_ids"].items == [.string(category)])
        #expect(read.data["attributes"].keys == ["material_kind", "careLabel"])
        #expect(
            read.data["media"].items.map { $0["url"].string } == [
                "http://img.example/1.jpg", "https://img.example/2.jpg",
            ])
        #expect(read.data["variants"].items.map { $0["sku"].string } == ["H-S", "H-M"])
        #expect(read.data["price_from"]["amount"].int == 1500)
        #expect(read.data["price_to"]["amount"].int == 1700)
    }

    @Test(arguments: [
        (#""variants": []"#, 422, "variants"),
        (
            #""variants": [{"sku": "a", "price": {"amount": 0, "currency": "GBP"}}]"#, 422,
            "variants[0].price.amount"
        ),
        (
            #""variants": [{"sku": "a", "price": {"amount": 1, "currency": "XXZ"}}]"#, 422,
            "variants[0].price.currency"
        ),
        (
            #""variants": [{"sku": "a", "price": {"amount": 1.5, "currency": "GBP"}}]"#, 400,
            "variants[0].price.amount"
        ),
        (#""variants": [{"sku": "a ", "price": {"amount": 1, "currency": "GBP"}}]"#, 422, "variants[0].sku"),
        (
            #""variants": [{"sku": "a", "price": {"amount": 1, "currency": "GBP"}}, {"sku": "a", "price": {"amount": 1, "currency": "GBP"}}]"#,
            422, "variants[1].sku"
        ),
        (
            #""media": [{"url": "https://user:pw@img.example/1.jpg"}], "variants": [{"sku": "a", "price": {"amount": 1, "currency": "GBP"}}]"#,
            422, "media[0].url"
        ),
        (
            #""media": [{"url": "javascript:alert(1)"}], "variants": [{"sku": "a", "price": {"amount": 1, "currency": "GBP"}}]"#,
            422, "media[0].url"
        ),
        (
            #""category_ids": ["018f0000-0000-7000-8000-000000000000"], "variants": [{"sku": "a", "price": {"amount": 1, "currency": "GBP"}}]"#,
            422, "category_ids[0]"
        ),
        (
            #""status": "archived", "variants": [{"sku": "a", "price": {"amount": 1, "currency": "GBP"}}]"#,
            422, "status"
        ),
        (
            #""vendor_id": "x", "variants": [{"sku": "a", "price": {"amount": 1, "currency": "GBP"}}]"#, 400,
            "vendor_id"
        ),
    ])
    func badProductsNameTheField(_ part: String, _ status: Int, _ field: String) async throws {
        let shop = try await ProductFixture()
        let answer = try await shop.send(
            .post, "/api/v1/products", as: shop.ann, json: #"{"name": "Hat", \#(part)}"#)
        #expect(answer.status == status)
        #expect(answer.json["errors"][0]["field"].string == field)
        #expect(try await shop.database.query("SELECT id FROM products").isEmpty)
    }

    @Test func skusAndSlugsAreTheVendorsOwn() async throws {
        let shop = try await ProductFixture()
        let first = try await shop.make("Hat", sku: "H1")
        let second = try await shop.make("Hat", sku: "H2")
        let others = try await shop.make("Hat", sku: "H1", as: shop.bob)
        #expect(first["slug"].string == "hat")
        #expect(second["slug"].string == "hat-2")
        #expect(others["slug"].string == "hat")
        let json = #"{"name": "Hat", "variants": [{"sku": "H1", "price": {"amount": 1, "currency": "GBP"}}]}"#
        let taken = try await shop.send(.post, "/api/v1/products", as: shop.ann, json: json)
        #expect(taken.status == 409)
        #expect(taken.code == "product.sku_taken")
        let slug = try await shop.patch(second, #"{"slug": "hat"}"#)
        #expect(slug.status == 409)
        #expect(slug.code == "product.slug_taken")
        for index in 3...12 { _ = try await shop.make("Hat", sku: "H\(index)") }
    }

    @Test func oneKeyMakesOneProduct() async throws {
        let shop = try await ProductFixture()
        let json = #"{"name": "Hat", "variants": [{"sku": "H1", "price": {"amount": 1, "currency": "GBP"}}]}"#
        let key: HTTPFields = [.idempotencyKey: "k-1"]
        let first = try await shop.send(.post, "/api/v1/products", as: shop.ann, json: json, headers: key)
        let again = try await shop.send(.post, "/api/v1/products", as: shop.ann, json: json, headers: key)
        #expect(first.status == 201)
        #expect(again.json == first.json)
        #expect(again.headers[.idempotencyReplayed] == "true")
        // A crash between the effect and the keeping of the answer.
        try await shop.database.execute("DELETE FROM idempotency_keys")
        let later = try await shop.send(.post, "/api/v1/products", as: shop.ann, json: json, headers: key)
        #expect(later.status == 201)
        #expect(later.data["id"] == first.data["id"])
        #expect(try await shop.database.query("SELECT id FROM products").count == 1)
        let store = SQLProductStore(
            database: shop.database, changes: CatalogueChanges(), maximumProducts: 10)
        try await store.forgetCreationKeys(before: shop.clock.now() + .seconds(1))
        #expect(
            try await shop.database.query("SELECT id FROM products WHERE creation_key IS NOT NULL").isEmpty)
    }

    @Test func aVendorHasSoManyProducts() async throws {
        var configuration = ProductConfiguration()
        configuration.maximumProducts = 3
        let shop = try await ProductFixture(configuration: configuration)
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<10 {
                group.addTask {
                    let json = """
                        {"name": "Thing", "variants": [{"sku": "S\(number)", "attributes": {}, \
                        "price": {"amount": 1, "currency": "GBP"}}]}
                        """
                    let answer = try await shop.send(.post, "/api/v1/products", as: shop.ann, json: json)
                    if answer.status != 201 { #expect(answer.code == "limit.products") }
                    return answer.status
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.count { $0 == 201 } == 3 && statuses.count { $0 == 422 } == 7)
        let other = try await shop.send(
            .post, "/api/v1/products", as: shop.bob,
            json: """
                {"name": "Thing", "variants": [{"sku": "S", "attributes": {}, \
                "price": {"amount": 1, "currency": "GBP"}}]}
                """)
        #expect(other.status == 201)
    }

    @Test func aLargeProductIsReadAgainInsteadOfKept() async throws {
        let shop = try await ProductFixture()
        let variants = (0..<60).map {
            #"{"sku": "S\#($0)", "attributes": {"size": "\#($0)"}, "price": {"amount": 100, "currency": "GBP"}}"#
        }
        let json = #"{"name": "Thing", "variants": [\#(variants.joined(separator: ","))]}"#
        let key: HTTPFields = [.idempotencyKey: "k"]
        let first = try await shop.send(.post, "/api/v1/products", as: shop.ann, json: json, headers: key)
        #expect(first.status == 201)
        let id = try #require(first.data["id"].string)
        _ = try await shop.send(
            .patch, "/api/v1/products/\(id)", as: shop.ann, json: #"{"name": "Better"}"#,
            headers: [.ifMatch: "\"1\""])
        let again = try await shop.send(.post, "/api/v1/products", as: shop.ann, json: json, headers: key)
        #expect(again.status == 201 && again.headers[.idempotencyReplayed] == "true")
        #expect(again.headers[.location] == first.headers[.location])
        #expect(again.data["id"].string == id && again.data["name"].string == "Better")
        #expect(again.headers[.eTag] == "\"2\"")
        let kept = try await shop.database.scalar(
            "SELECT COUNT(*) FROM idempotency_keys WHERE body IS NOT NULL", as: Int.self)
        #expect(kept == 0)
    }

    @Test func changesNeedTheVersionSeen() async throws {
        let shop = try await ProductFixture()
        let hat = try await shop.make("Hat", sku: "H1", status: "draft")
        let path = "/api/v1/products/\(hat["id"].string ?? "")"
        #expect(try await shop.send(.patch, path, as: shop.ann, json: #"{"name": "Cap"}"#).status == 428)
        let stale = try await shop.patch(hat, #"{"name": "Cap"}"#, version: 9)
        #expect(stale.status == 412)
        let changed = try await shop.patch(hat, #"{"name": "Cap", "status": "published"}"#, version: 1)
        #expect(changed.status == 200)
        #expect(changed.etag == "\"2\"")
        #expect(changed.data["published_at"].string != nil)
        #expect(try await shop.patch(hat, #"{"name": "Cap"}"#, version: 2).etag == "\"2\"")
        #expect(try await shop.patch(hat, #"{"status": "archived"}"#, version: 2).status == 200)
        let back = try await shop.patch(hat, #"{"status": "published"}"#, version: 3)
        #expect(back.status == 409)
        #expect(back.code == "product.illegal_transition")
    }

    @Test func ofTwoEditorsOneWins() async throws {
        let shop = try await ProductFixture()
        let hat = try await shop.make("Hat", sku: "H1")
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<8 {
                group.addTask { try await shop.patch(hat, #"{"name": "Hat \#(index)"}"#, version: 1).status }
            }
            return try await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.filter { $0 == 200 }.count == 1)
        #expect(statuses.filter { $0 == 412 }.count == 7)
    }

    @Test func variantsAreAddedChangedAndWithdrawn() async throws {
        let shop = try await ProductFixture()
        let hat = try await shop.make("Hat", sku: "H1", price: 1_000)
        let path = "/api/v1/products/\(hat["id"].string ?? "")"
        let added = try await shop.send(
            .post, "\(path)/variants", as: shop.ann,
            json: #"{"sku": "H2", "attributes": {"size": "L"}, "price": {"amount": 1200, "currency": "GBP"}}"#
        )
        #expect(added.status == 201)
        #expect(added.etag == "\"2\"")
        let euro = try await shop.send(
            .post, "\(path)/variants", as: shop.ann,
            json: #"{"sku": "H3", "price": {"amount": 1, "currency": "EUR"}}"#)
        #expect(euro.status == 422)
        let first = "\(path)/variants/\(hat["variants"][0]["id"].string ?? "")"
        let second = "\(path)/variants/\(added.data["variants"][1]["id"].string ?? "")"
        let price = #"{"price": {"amount": 900, "currency": "GBP"}}"#
        #expect(try await shop.send(.patch, second, as: shop.ann, json: price).status == 428)
        let changed = try await shop.send(
            .patch, second, as: shop.ann, json: price, headers: [.ifMatch: "\"2\""])
        #expect(changed.data["price_from"]["amount"].int == 900)

        for _ in 0..<2 { #expect(try await shop.send(.delete, first, as: shop.ann).status == 204) }
        let last = try await shop.send(.delete, second, as: shop.ann)
        #expect(last.status == 409)
        #expect(last.code == "product.no_active_variant")
        let seen = try await shop.send(.get, path)
        #expect(seen.data["variants"].items.map { $0["sku"].string } == ["H2"])
        let own = try await shop.send(.get, "/api/v1/vendor/products", as: shop.ann)
        #expect(own.data[0]["variants"].items.map { $0["status"].string } == ["withdrawn", "active"])
        #expect(
            try await shop.send(.delete, "\(path)/variants/\(UUIDText.unknown)", as: shop.ann).status == 404)
    }

    @Test func nobodyTouchesAnothersProducts() async throws {
        let shop = try await ProductFixture()
        for status in ["draft", "published"] {
            let hat = try await shop.make("Hat", sku: "H-\(status)", status: status)
            let path = "/api/v1/products/\(hat["id"].string ?? "")"
            let variant = "\(path)/variants/\(hat["variants"][0]["id"].string ?? "")"
            let match: HTTPFields = [.ifMatch: "\"1\""]
            let calls: [(HTTPRequest.Method, String, String?)] = [
                (.patch, path, #"{"name": "Mine"}"#),
                (.post, "\(path)/variants", #"{"sku": "X", "price": {"amount": 1, "currency": "GBP"}}"#),
                (.patch, variant, #"{"price": {"amount": 1, "currency": "GBP"}}"#), (.delete, variant, nil),
            ]
            for (method, path, json) in calls {
                #expect(try await shop.send(method, path, json: json, headers: match).status == 401)
                #expect(
                    try await shop.send(method, path, as: shop.bob, json: json, headers: match).status == 404)
                let customer = try await shop.send(
                    method, path, as: shop.customer, json: json, headers: match)
                #expect(customer.status == 403)
                #expect(customer.code == "vendor.required")
            }
            #expect(try await shop.send(.get, path, as: shop.ann).data["version"].int == 1)
            let expected = status == "draft" ? 404 : 200
            #expect(try await shop.send(.get, path, as: shop.bob).status == expected)
            #expect(try await shop.send(.get, path, as: shop.customer).status == expected)
            #expect(try await shop.send(.get, path).status == expected)
            #expect(try await shop.send(.get, path, as: shop.admin).status == 200)
            let bobs = try await shop.send(.get, "/api/v1/vendor/products?sku=H-\(status)", as: shop.bob)
            #expect(bobs.data.items.isEmpty)
        }
    }

    @Test func vendorsListTheirOwn() async throws {
        let shop = try await ProductFixture()
        _ = try await shop.make("Hat", sku: "H1", status: "draft")
        _ = try await shop.make("Cap", sku: "H2")
        _ = try await shop.make("Bobs", sku: "H1", as: shop.bob)
        func names(_ query: String) async throws -> [String?] {
            let answer = try await shop.send(.get, "/api/v1/vendor/products\(query)", as: shop.ann)
            #expect(answer.status == 200)
            return answer.data.items.map { $0["name"].string }
        }
        #expect(try await Set(names("")) == ["Hat", "Cap"])
        #expect(try await names("?status=draft") == ["Hat"])
        #expect(try await names("?sku=H1") == ["Hat"])
        #expect(try await names("?sku=h1") == [])
        #expect(try await shop.send(.get, "/api/v1/vendor/products?status=x", as: shop.ann).status == 400)
    }

    @Test func aVendorWorksWhileItIsActive() async throws {
        let shop = try await ProductFixture()
        shop.vendors.set(shop.annsVendor, ownedBy: shop.ann.userID, .pending)
        func status() async throws -> Int {
            try await shop.send(.get, "/api/v1/vendor/products", as: shop.ann).status
        }
        #expect(try await status() == 403)
        // Approved and suspended: at once, nothing is remembered.
        for _ in 0..<2 {
            shop.vendors.set(shop.annsVendor, ownedBy: shop.ann.userID, .active)
            #expect(try await status() == 200)
            shop.vendors.set(shop.annsVendor, ownedBy: shop.ann.userID, .suspended)
            #expect(try await status() == 403)
        }
    }
}

enum UUIDText {
    static let unknown = "018f0000-0000-7000-8000-000000000000"
}
