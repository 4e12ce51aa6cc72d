import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukTime
import Testing

@testable import SoukProduct

@Suite struct RuleTests {
    private let now = Timestamp(microseconds: 1_000_000)

    private func price(_ amount: Int64, _ code: String = "GBP") throws -> Money {
        Money(amount, try #require(Currency(code)))
    }

    private func product(_ status: ProductStatus, _ variants: [Variant]) -> Product {
        Product(
            vendorID: VendorID(), name: "Hat", slug: "hat", status: status, variants: variants, createdAt: now
        )
    }

    @Test(arguments: [
        (ProductStatus.draft, ProductStatus.published, true), (.draft, .archived, true),
        (.draft, .draft, true),
        (.published, .draft, true), (.published, .archived, true), (.archived, .draft, true),
        (.archived, .published, false), (.archived, .archived, true),
    ])
    func statusMoves(_ from: ProductStatus, _ to: ProductStatus, _ allowed: Bool) throws {
        var product = product(from, [Variant(sku: "a", price: try price(1))])
        if allowed {
            try product.become(to, at: now)
            #expect(product.status == to)
        } else {
            #expect(throws: ProductError.illegalTransition(from: from, to: to)) {
                try product.become(to, at: now)
            }
            #expect(product.status == from)
        }
    }

    @Test func publishedMeansBuyable() throws {
        let withdrawn = Variant(sku: "a", price: try price(1), status: .withdrawn)
        #expect(throws: ProductError.noActiveVariant) { try product(.published, [withdrawn]).validate() }
        try product(.draft, [withdrawn]).validate()
        #expect(product(.draft, [withdrawn]).priceRange == nil)
    }

    @Test func oneCurrencyPerProduct() throws {
        let variants = [
            Variant(sku: "a", price: try price(1)), Variant(sku: "b", price: try price(1, "EUR")),
        ]
        #expect(throws: ProductError.mixedCurrencies) { try product(.draft, variants).validate() }
    }

    @Test func variantsKeepTheirOrderAndNumber() throws {
        var product = product(.draft, [Variant(sku: "a", price: try price(300), position: 5)])
        try product.add(VariantDraft(sku: "b", price: try price(200)))
        try product.add(VariantDraft(sku: "c", price: try price(400), position: 0))
        #expect(product.variants.map(\.sku) == ["c", "a", "b"])
        #expect(product.variants.map(\.position) == [0, 5, 6])
        #expect(product.priceRange == 200...400)
        #expect(throws: ProductError.skuTaken(["a"])) {
            try product.add(VariantDraft(sku: "a", price: try price(1)))
        }
        for index in 3..<Product.maxVariants {
            try product.add(VariantDraft(sku: "\(index)", price: try price(1)))
        }
        #expect(throws: ProductError.tooManyVariants) {
            try product.add(VariantDraft(sku: "x", price: try price(1)))
        }
        #expect(throws: ProductError.unknownVariant) { try product.change(VariantID(), VariantChange()) }
    }

    @Test func theFirstPublicationCounts() throws {
        var product = product(.draft, [Variant(sku: "a", price: try price(1))])
        #expect(product.publishedAt == nil)
        try product.become(.published, at: now)
        try product.become(.draft, at: now + .seconds(1))
        try product.become(.published, at: now + .seconds(2))
        #expect(product.publishedAt == now)
    }

    @Test(arguments: [
        ("Café au Lait, 2 Pack", "cafe-au-lait-2-pack"), ("  Men's -- Hat  ", "mens-hat"),
        ("Straße №5", "strasse-no5"),
        ("日本", "product"), ("!!!", "product"),
        (String(repeating: "a", count: 80), String(repeating: "a", count: 64)),
    ])
    func slugsAreMadeFromNames(_ name: String, _ slug: String) {
        #expect(Slug.make(from: name, fallback: "product") == slug)
        #expect(Slug.numbered(slug, "2").count <= Slug.maxLength)
    }

    @Test(arguments: [
        ("85123A", true), ("gift_0001 20", true), ("", false), (" a", false), ("a ", false), ("é", false),
        ("a,b", false),
    ])
    func skus(_ sku: String, _ isFine: Bool) {
        #expect((Variant.complaint(aboutSKU: sku) == nil) == isFine)
    }

    @Test func treesAreNoDeeperThanFiveAndHaveNoCycles() throws {
        var chain: [SoukProduct.Category] = []
        for level in 0..<5 {
            chain.append(
                Category(parentID: chain.last?.id, slug: "l\(level)", name: "L\(level)", createdAt: now))
        }
        let pair = Category(slug: "p", name: "P", createdAt: now)
        let child = Category(parentID: pair.id, slug: "c", name: "C", createdAt: now)
        let tree = CategoryTree(chain + [pair, child])
        let new = CategoryID()
        try tree.check(new, below: nil)
        try tree.check(new, below: chain[3].id)
        #expect(throws: ProductError.categoryTooDeep) { try tree.check(new, below: chain[4].id) }
        try tree.check(pair.id, below: chain[2].id)
        #expect(throws: ProductError.categoryTooDeep) { try tree.check(pair.id, below: chain[3].id) }
        #expect(throws: ProductError.categoryCycle) { try tree.check(chain[0].id, below: chain[4].id) }
        #expect(throws: ProductError.categoryCycle) { try tree.check(pair.id, below: pair.id) }
        #expect(throws: ProductError.unknownParent) { try tree.check(new, below: CategoryID()) }
        #expect(tree.roots.map(\.category.name) == ["L0", "P"])
    }
}
