import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPagination
import Testing

@testable import SoukVendor

@Suite struct ReturnTests {
    /// A shipped order of 3 × a and 2 × b, bought by `customer`; 1 × b is still in the store.
    private struct Sold {
        let bench: VendorBench
        let shop: VendorBench.Shop
        let customer = UserID()
        let id: VendorOrderID
        let a: OrderLineID
        let b: OrderLineID

        init(shipping: Bool = true) async throws {
            bench = try await VendorBench()
            shop = try await bench.shop(["a": 10, "b": 10])
            let event = try await bench.sell([(shop, "a", 3), (shop, "b", 2)], to: customer)
            let part = try #require(event.parts.first)
            id = part.vendorOrderId
            a = part.lines[0].lineId
            b = part.lines[1].lineId
            _ = try await bench.useCases.fulfilment.accept(id, by: shop.owner)
            guard shipping else { return }
            let lines = [LineQuantity(lineID: a, quantity: 3), LineQuantity(lineID: b, quantity: 1)]
            _ = try await bench.useCases.fulfilment.ship(
                Fulfilment.Parcel(carrier: "Post", trackingNumber: nil, lines: lines), of: id, by: shop.owner,
                key: "s")
        }

        func ask(_ lines: [(OrderLineID, Int)], key: String = UserID().description) async throws -> ReturnCase
        {
            try await bench.useCases.returns.request(
                lines.map { LineQuantity(lineID: $0.0, quantity: $0.1) }, of: id, reason: "too big",
                by: customer,
                key: key)
        }
    }

    @Test func anApprovedReturnIsValuedAtFrozenPricesAndRestocked() async throws {
        let sold = try await Sold()
        let asked = try await sold.ask([(sold.a, 2), (sold.b, 1)])
        #expect(asked.amount.amount == 3_000 && asked.status == .requested)
        let returns = sold.bench.useCases.returns
        let approved = try await returns.approve(asked.id, restock: true, by: sold.shop.owner)
        #expect(approved.status == .approved && approved.isRestocked == true)
        #expect(try await returns.approve(asked.id, restock: false, by: sold.shop.owner) == approved)
        await #expect(throws: VendorError.illegalReturnDecision(.rejected, .approved)) {
            try await returns.reject(asked.id, reason: "no", by: sold.shop.owner)
        }
        #expect(try await sold.bench.item("a", in: sold.shop).onHand == 9)
        #expect(try await sold.bench.item("b", in: sold.shop).onHand == 9)
        let events = try await sold.bench.published(ReturnApproved.self)
        #expect(events.map(\.amount.amount) == [3_000] && events.first?.restocked == true)
        #expect(events.first?.lines.map(\.quantity) == [2, 1])
        try await sold.bench.checkBooks()
    }

    @Test func withoutRestockingTheShelvesStay() async throws {
        let sold = try await Sold()
        let asked = try await sold.ask([(sold.a, 1)])
        _ = try await sold.bench.useCases.returns.approve(asked.id, restock: false, by: sold.shop.owner)
        #expect(try await sold.bench.item("a", in: sold.shop).onHand == 7)
        #expect(try await sold.bench.published(ReturnApproved.self).map(\.restocked) == [false])
    }

    @Test func noMoreComesBackThanWasShipped() async throws {
        let sold = try await Sold()
        await #expect(throws: VendorError.returnExceedsShipped([sold.b])) {
            try await sold.ask([(sold.a, 1), (sold.b, 2)])
        }
        let first = try await sold.ask([(sold.a, 2)])
        await #expect(throws: VendorError.returnExceedsShipped([sold.a])) {
            try await sold.ask([(sold.a, 2)])
        }
        // What was refused can be asked for again.
        _ = try await sold.bench.useCases.returns.reject(first.id, reason: "worn", by: sold.shop.owner)
        _ = try await sold.bench.useCases.returns.reject(first.id, reason: "worn", by: sold.shop.owner)
        #expect(try await sold.bench.published(ReturnRejected.self).map(\.reason) == ["worn"])
        _ = try await sold.ask([(sold.a, 3)])
        let stranger = OrderLineID()
        await #expect(throws: VendorError.returnExceedsShipped([stranger])) {
            try await sold.ask([(stranger, 1)])
        }
    }

    @Test func manyAtOnceStayWithinWhatWasShipped() async throws {
        let sold = try await Sold()
        let accepted = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<20 {
                group.addTask { (try? await sold.ask([(sold.a, 1)])) == nil ? 0 : 1 }
            }
            return await group.reduce(0, +)
        }
        #expect(accepted == 3)
        #expect(try await sold.bench.published(ReturnRequested.self).count == 3)
    }

    @Test func aRepeatedKeyGivesTheSameReturn() async throws {
        let sold = try await Sold()
        let first = try await sold.ask([(sold.a, 1)], key: "k")
        #expect(try await sold.ask([(sold.a, 1)], key: "k") == first)
        #expect(try await sold.bench.published(ReturnRequested.self).count == 1)
    }

    @Test func nothingComesBackBeforeItWasSent() async throws {
        let sold = try await Sold(shipping: false)
        await #expect(throws: VendorError.nothingShipped) { try await sold.ask([(sold.a, 1)]) }
    }

    @Test func bothSidesSeeItAndNobodyElse() async throws {
        let sold = try await Sold()
        let asked = try await sold.ask([(sold.a, 1)])
        let returns = sold.bench.useCases.returns
        #expect(try await returns.find(asked.id, for: sold.customer) == asked)
        #expect(try await returns.find(asked.id, for: sold.shop.owner) == asked)
        let page = try PageRequest()
        #expect(try await returns.requested(page, status: nil, by: sold.customer).items == [asked])
        #expect(try await returns.received(page, status: .requested, by: sold.shop.owner).items == [asked])
        #expect(try await returns.received(page, status: .approved, by: sold.shop.owner).items.isEmpty)
        let other = try await sold.bench.shop()
        #expect(try await returns.received(page, status: nil, by: other.owner).items.isEmpty)
        let before = try await sold.bench.contents()
        for stranger in [other.owner, sold.customer] {
            await #expect(throws: VendorError.notFound(.return)) {
                try await returns.approve(asked.id, restock: true, by: stranger)
            }
            await #expect(throws: VendorError.notFound(.return)) {
                try await returns.reject(asked.id, reason: "x", by: stranger)
            }
        }
        await #expect(throws: VendorError.notFound(.vendorOrder)) {
            try await returns.request(
                [LineQuantity(lineID: sold.a, quantity: 1)], of: sold.id, reason: "x", by: sold.shop.owner,
                key: "z")
        }
        #expect(try await sold.bench.contents() == before)
    }
}
