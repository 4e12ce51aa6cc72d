import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukTesting
import SoukVendorKernel
import Testing

@testable import SoukVendor

@Suite struct ReservationTests {
    @Test func theLastUnitGoesToOneOfTwoHundredBuyers() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["last": 1])
        let outcomes = await withTaskGroup(of: Bool?.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    do {
                        try await bench.reserve([(shop, "last", 1)], for: OrderID())
                        return true
                    } catch VendorKernelError.insufficientStock(let shortages) {
                        return shortages.map(\.available) == [0] ? false : nil
                    } catch {
                        return nil
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 == true }.count == 1)
        #expect(outcomes.filter { $0 == false }.count == 199)
        #expect(try await bench.item("last", in: shop).available == 0)
        try await bench.checkBooks()
    }

    @Test func oneOrderReservedByManyAtOnceIsHeldOnce() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 10])
        let order = OrderID()
        let ids = try await withThrowingTaskGroup(of: ReservationID.self) { group in
            for _ in 0..<50 {
                group.addTask { try await bench.reserve([(shop, "a", 3)], for: order).id }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        #expect(try await bench.item("a", in: shop).reserved == 3)
    }

    @Test func allLinesOrNone() async throws {
        let bench = try await VendorBench()
        let first = try await bench.shop(["a": 5, "b": 1])
        let second = try await bench.shop(["c": 0])
        let before = try await bench.contents()
        await #expect {
            try await bench.reserve(
                [(first, "a", 5), (first, "b", 2), (second, "c", 1), (second, "unknown", 1)], for: OrderID())
        } throws: { error in
            guard case VendorKernelError.insufficientStock(let shortages) = error else { return false }
            return Set(shortages.map(\.sku)) == ["b", "c", "unknown"]
                && shortages.first { $0.sku == "b" }.map { [$0.requested, $0.available] } == [2, 1]
        }
        #expect(try await bench.contents() == before)
    }

    @Test func overlappingBasketsNeverOversell() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 20, "b": 30, "c": 25])
        let sold = await withTaskGroup(of: Int.self) { group in
            for number in 0..<60 {
                group.addTask {
                    let lines = number.isMultiple(of: 2) ? ["a", "b", "c"] : ["c", "a"]
                    do {
                        try await bench.reserve(lines.map { (shop, $0, 1) }, for: OrderID())
                        return 1
                    } catch {
                        return 0
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(sold == 20)
        try await bench.checkBooks()
    }

    @Test func closedStoresAndInactiveVendorsSellNothing() async throws {
        let bench = try await VendorBench()
        let closed = try await bench.shop(["a": 5])
        let suspended = try await bench.shop(["a": 5])
        _ = try await bench.useCases.storefronts.change(
            closed.store, StoreChanges(status: .closed), version: 1, by: closed.owner)
        _ = try await bench.useCases.accounts.decide(.suspend, on: suspended.vendor, reason: "late")
        for shop in [closed, suspended] {
            await #expect {
                try await bench.reserve([(shop, "a", 1)], for: OrderID())
            } throws: {
                guard case VendorKernelError.storeClosed(shop.store) = $0 else { return false }
                return true
            }
            #expect(
                try await bench.kernel.offers([VendorSKU(vendorID: shop.vendor, sku: "a")], bench.call)
                    .isEmpty)
        }
        let unknown = VendorBench.Shop(owner: UserID(), vendor: VendorID(), store: StoreID())
        await #expect(throws: VendorKernelError.self) {
            try await bench.reserve([(unknown, "a", 1)], for: OrderID())
        }
    }

    @Test func expiryGivesStockBackOnceAndEndsTheReservation() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 200])
        let order = OrderID()
        try await bench.reserve([(shop, "a", 1)], for: order, holdFor: .seconds(60))
        for _ in 0..<(Reservations.expiryBatch + 5) {
            try await bench.reserve([(shop, "a", 1)], for: OrderID(), holdFor: .seconds(60))
        }
        let later = OrderID()
        try await bench.reserve([(shop, "a", 1)], for: later, holdFor: .seconds(61))
        try await bench.useCases.reservations.expireDue()
        #expect(try await bench.item("a", in: shop).reserved == Reservations.expiryBatch + 7)
        bench.clock.advance(by: .seconds(60))
        try await bench.useCases.reservations.expireDue()
        try await bench.useCases.reservations.expireDue()
        #expect(try await bench.item("a", in: shop).reserved == 1)
        #expect(try await bench.state(of: order) == .expired)
        #expect(try await bench.state(of: later) == .held)
        await #expect {
            try await bench.reserve([(shop, "a", 1)], for: order)
        } throws: {
            guard case VendorKernelError.reservationEnded(order) = $0 else { return false }
            return true
        }
        // Released and expired reservations are left as they are.
        try await bench.kernel.release(order, bench.call)
        try await bench.checkBooks()
    }

    @Test func releaseIsIdempotentAndRefusesWhatWasSold() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 5])
        try await bench.kernel.release(OrderID(), bench.call)
        let order = OrderID()
        try await bench.reserve([(shop, "a", 2)], for: order)
        try await bench.kernel.release(order, bench.call)
        try await bench.kernel.release(order, bench.call)
        #expect(try await bench.item("a", in: shop).available == 5)
        let sold = try await bench.sell([(shop, "a", 2)])
        await #expect(throws: VendorKernelError.self) {
            try await bench.kernel.release(sold.orderId, bench.call)
        }
        #expect(try await bench.item("a", in: shop).onHand == 3)
        try await bench.checkBooks()
    }

    /// Whoever comes first, the books are right and the part has its stock.
    @Test(arguments: 0..<20)
    func expiryAgainstPayment(round: Int) async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 1])
        let order = OrderID()
        try await bench.reserve([(shop, "a", 1)], for: order, holdFor: .seconds(1))
        let event = try bench.paid([(shop, "a", 1)], order: order)
        bench.clock.advance(by: .seconds(2))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await bench.useCases.reservations.expireDue() }
            group.addTask { try await bench.handle(event) }
            try await group.waitForAll()
        }
        let part = try #require(try await bench.parts(of: order).first)
        #expect(part.isBackordered == false)
        let item = try await bench.item("a", in: shop)
        #expect(item.onHand == 0 && item.reserved == 0)
        try await bench.checkBooks()
    }

    @Test func offersNameTheBestStockedStoreFirst() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 2, "b": 0])
        let other = try await bench.useCases.storefronts.open(
            name: "Store", slug: nil, description: nil, by: shop.owner)
        let second = VendorBench.Shop(owner: shop.owner, vendor: shop.vendor, store: other.id)
        try await bench.count(["a": 9], in: second)
        let skus = ["a", "b", "none"].map { VendorSKU(vendorID: shop.vendor, sku: $0) }
        let offers = try await bench.kernel.offers(skus, bench.call)
        #expect(offers.filter { $0.sku == "a" }.map(\.storeID) == [second.store, shop.store])
        #expect(offers.filter { $0.sku == "b" }.map(\.available) == [0])
        #expect(offers.count == 3)
    }
}
