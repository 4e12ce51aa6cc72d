import HTTPTypes
import SoukCallContext
import SoukDatabase
import SoukHTTPTesting
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukProductKernel
import SoukTesting
import Testing

@testable import SoukProduct

@Suite struct CatalogueTests {
    @Test func theShelfShowsWhatIsPublished() async throws {
        let shop = try await ProductFixture()
        _ = try await shop.make("Hat", sku: "1", price: 300)
        shop.clock.advance(by: .seconds(1))
        _ = try await shop.make("apron", sku: "2", price: 100, as: shop.bob)
        shop.clock.advance(by: .seconds(1))
        _ = try await shop.make("Cup", sku: "3", price: 200)
        _ = try await shop.make("Secret", sku: "4", status: "draft")
        #expect(try await shop.shelf("") == ["Cup", "apron", "Hat"])
        #expect(try await shop.shelf("?sort=newest") == ["Cup", "apron", "Hat"])
        #expect(try await shop.shelf("?sort=price") == ["apron", "Cup", "Hat"])
        #expect(try await shop.shelf("?sort=-price") == ["Hat", "Cup", "apron"])
        #expect(try await shop.shelf("?sort=name") == ["apron", "Cup", "Hat"])
        #expect(try await shop.shelf("?vendor_id=\(shop.bobsVendor)") == ["apron"])
        let page = try await shop.send(.get, "/api/v1/products?size=2&page=2&sort=name")
        #expect(page.data.items.map { $0["name"].string } == ["Hat"])
        #expect(page.json["meta"]["total_count"].int == 3)
        #expect(page.json["meta"]["total_pages"].int == 2)
    }

    @Test func theShelfIsSearched() async throws {
        let shop = try await ProductFixture()
        _ = try await shop.make("CAFÉ Mug", sku: "1", more: #", "description": "holds 100% coffee""#)
        _ = try await shop.make("Tea_Pot", sku: "2", more: #", "description": "holds 1000 leaves""#)
        _ = try await shop.make("Teaxpot", sku: "3")
        #expect(try await shop.shelf("?q=caf%C3%A9") == ["CAFÉ Mug"])
        #expect(try await shop.shelf("?q=cafe%CC%81") == ["CAFÉ Mug"])
        #expect(try await shop.shelf("?q=100%25") == ["CAFÉ Mug"])
        #expect(try await shop.shelf("?q=a_p") == ["Tea_Pot"])
        #expect(try await shop.shelf("?q=HOLDS").count == 2)
        #expect(try await shop.shelf("?q=%5C") == [])
        #expect(try await shop.shelf("?q=").count == 3)
    }

    /// A Prepend before a quote, percent sign or backslash, or a mark after it, is one character with it.
    @Test(arguments: ["\"", "%", "_", "\\", "'", "*"])
    func syntaxThatMergesWithItsNeighbourIsSearchedFor(syntax: String) async throws {
        let shop = try await ProductFixture()
        let json = syntax.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        _ = try await shop.make("Mug ab\(json)\u{301}x", sku: "1")
        _ = try await shop.make("Mug abc", sku: "2")
        let escaped = syntax.utf8.map { "%" + String($0, radix: 16) }.joined()
        #expect(try await shop.shelf("?q=ab\(escaped)%CC%81").count == 1)
        #expect(try await shop.shelf("?q=abc%D8%80\(escaped)") == [])
    }

    @Test func aSearchFollowsWhatProductsSay() async throws {
        let shop = try await ProductFixture()
        let lamp = try await shop.make(#"Lamp of 5\" brass"#, sku: "1", more: #", "description": "Étoile""#)
        #expect(try await shop.shelf("?q=lamp").count == 1)
        #expect(try await shop.shelf("?q=5%22%20br").count == 1)
        #expect(try await shop.shelf("?q=%22%20OR%20%22") == [])
        #expect(try await shop.shelf("?q=%C3%A9toi").count == 1)
        _ = try await shop.patch(lamp, #"{"name": "Oak chair"}"#)
        #expect(try await shop.shelf("?q=lamp") == [])
        #expect(try await shop.shelf("?q=oak") == ["Oak chair"])
        #expect(try await shop.shelf("?q=k%20c") == ["Oak chair"])
        #expect(try await shop.shelf("?q=zz") == [])
    }

    @Test func pricesAreThoseOfWhatCanBeBought() async throws {
        let shop = try await ProductFixture()
        let hat = try await shop.make("Hat", sku: "1", price: 100)
        _ = try await shop.send(
            .post, "/api/v1/products/\(hat["id"].string ?? "")/variants", as: shop.ann,
            json: #"{"sku": "2", "price": {"amount": 900, "currency": "GBP"}}"#)
        #expect(try await shop.shelf("?min_price=100&max_price=100") == ["Hat"])
        #expect(try await shop.shelf("?min_price=901") == [])
        #expect(try await shop.shelf("?min_price=101") == ["Hat"])
        // Between the two variants there is nothing to buy.
        #expect(try await shop.shelf("?min_price=200&max_price=800") == [])
        #expect(try await shop.shelf("?max_price=99") == [])
        #expect(try await shop.shelf("?currency=GBP") == ["Hat"])
        #expect(try await shop.shelf("?currency=EUR") == [])
        let cheap =
            "/api/v1/products/\(hat["id"].string ?? "")/variants/\(hat["variants"][0]["id"].string ?? "")"
        #expect(try await shop.send(.delete, cheap, as: shop.ann).status == 204)
        #expect(try await shop.shelf("?max_price=100") == [])
    }

    @Test(arguments: [
        "sort=best", "vendor_id=7", "min_price=-1", "min_price=x", "currency=XXZ", "page=0", "size=101",
        "min_price=2&max_price=1", "q=\(String(repeating: "x", count: 101))", "category=", "q=%00",
    ])
    func badQueriesAre400(_ query: String) async throws {
        let shop = try await ProductFixture()
        #expect(try await shop.send(.get, "/api/v1/products?\(query)").status == 400)
    }

    @Test func aCategoryHoldsWhatIsBelowIt() async throws {
        let shop = try await ProductFixture()
        let home = try await shop.category("Home")
        let kitchen = try await shop.category("Kitchen", below: home)
        let garden = try await shop.category("Garden")
        _ = try await shop.make("Cup", sku: "1", more: #", "category_ids": ["\#(kitchen)", "\#(home)"]"#)
        _ = try await shop.make("Rake", sku: "2", more: #", "category_ids": ["\#(garden)"]"#)
        #expect(try await shop.shelf("?category=home") == ["Cup"])
        #expect(try await shop.shelf("?category=\(home)") == ["Cup"])
        #expect(try await shop.shelf("?category=kitchen") == ["Cup"])
        #expect(try await shop.shelf("?category=garden") == ["Rake"])
        #expect(try await shop.shelf("?category=nowhere") == [])
        let tree = try await shop.send(.get, "/api/v1/categories")
        #expect(tree.data.items.map { $0["slug"].string } == ["garden", "home"])
        #expect(tree.data[1]["children"][0]["slug"].string == "kitchen")
    }

    @Test func adminsKeepTheTree() async throws {
        let shop = try await ProductFixture()
        let home = try await shop.category("Home")
        let kitchen = try await shop.category("Kitchen", below: home)
        let paths = "/api/v1/admin/categories"
        func patch(_ id: String, _ json: String, _ headers: HTTPFields = [:]) async throws -> Answer {
            try await shop.send(.patch, "\(paths)/\(id)", as: shop.admin, json: json, headers: headers)
        }
        let twin = try await shop.send(.post, paths, as: shop.admin, json: #"{"name": "Home"}"#)
        #expect(twin.status == 409)
        #expect(twin.code == "category.slug_taken")
        let orphan = try await shop.send(
            .post, paths, as: shop.admin, json: #"{"name": "X", "parent_id": "\#(UUIDText.unknown)"}"#)
        #expect(orphan.status == 422)
        #expect(orphan.json["errors"][0]["field"].string == "parent_id")
        #expect(try await patch(home, #"{"parent_id": "\#(kitchen)"}"#).code == "category.cycle")
        #expect(try await patch(home, #"{"parent_id": "\#(home)"}"#).code == "category.cycle")
        #expect(try await patch(home, #"{"name": "House"}"#, [.ifMatch: "\"5\""]).status == 412)
        #expect(try await patch(home, #"{"name": "House"}"#, [.ifMatch: "\"1\""]).etag == "\"2\"")
        #expect(try await shop.send(.delete, "\(paths)/\(home)", as: shop.admin).code == "category.not_empty")
        let moved = try await patch(kitchen, #"{"parent_id": null}"#)
        #expect(moved.data["parent_id"] == .null)
        #expect(try await shop.send(.delete, "\(paths)/\(home)", as: shop.admin).status == 204)
        #expect(try await shop.send(.delete, "\(paths)/\(home)", as: shop.admin).status == 404)
        _ = try await shop.make("Cup", sku: "1", more: #", "category_ids": ["\#(kitchen)"]"#)
        #expect(try await shop.send(.delete, "\(paths)/\(kitchen)", as: shop.admin).status == 409)
        for caller in [shop.ann, shop.customer] {
            #expect(try await shop.send(.post, paths, as: caller, json: #"{"name": "X"}"#).status == 403)
            #expect(try await shop.send(.delete, "\(paths)/\(kitchen)", as: caller).status == 403)
        }
        #expect(try await shop.send(.post, paths, json: #"{"name": "X"}"#).status == 401)
    }

    @Test func peersLookVariantsUpInBatches() async throws {
        let shop = try await ProductFixture()
        let hat = try await shop.make("Hat", sku: "1", price: 250)
        let draft = try await shop.make("Draft", sku: "2", status: "draft")
        let ids = try [hat, draft].map { try #require(VariantID($0["variants"][0]["id"].string ?? "")) }
        let strangers = (0..<998).map { _ in VariantID() }
        let found = try await shop.service.kernel.variants(strangers + ids, .background("test"))
        #expect(found.count == 2)
        let one = try #require(found.first { $0.id == ids[0] })
        #expect(one.productID.description == hat["id"].string)
        #expect(one.vendorID == shop.annsVendor)
        #expect(one.sku == "1")
        #expect(one.title == "Hat")
        #expect(one.price.amount == 250)
        #expect(one.isPurchasable)
        #expect(found.first { $0.id == ids[1] }?.isPurchasable == false)
    }

    /// Every way of sorting is served by an index; only what an index can't serve is filtered by hand.
    @Test(
        .enabled(if: TestDatabase.dialect == .sqlite, "reads SQLite's query plans"),
        arguments: [
            ("published_at DESC, id DESC", "products_newest"), ("min_price, id", "products_by_price"),
            ("min_price DESC, id DESC", "products_by_price"), ("sort_name, id", "products_by_name"),
        ])
    func sortingUsesAnIndex(_ order: String, _ index: String) async throws {
        let shop = try await ProductFixture()
        let plan = try await shop.database.query(
            "EXPLAIN QUERY PLAN SELECT * FROM products WHERE status = 'published' ORDER BY \(raw: order) LIMIT 20"
        )
        let text = try plan.map { try $0.get("detail", as: String.self) }.joined(separator: "\n")
        #expect(text.contains(index))
        #expect(!text.contains("TEMP B-TREE"))
    }
}
