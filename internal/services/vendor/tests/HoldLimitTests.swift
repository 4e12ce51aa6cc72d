import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukTesting
import SoukTime
import SoukVendorKernel
import Testing

@testable import SoukVendor

/// How much stock one holder can keep from the others.
@Suite struct HoldLimitTests {
    /// No large holds at all.
    private static var strict: HoldLimits {
        var limits = HoldLimits()
        limits.attempts = 0
        return limits
    }

    @Test(arguments: [(0, 5), (4, 5), (10, 5), (11, 5), (12, 6), (1_000_000_000, 500_000_000)])
    func theShareOfOneHolder(onHand: Int, most: Int) {
        #expect(HoldLimits().most(of: onHand) == most)
    }

    @Test func aLargeHoldIsAShortOne() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 100])
        let (small, large) = (OrderID(), OrderID())
        let (hour, minute) = (Duration.seconds(3_600), Duration.seconds(60))
        #expect(
            try await !bench.reserve(
                [(shop, "a", 50)], for: small, by: "ann", holdFor: hour, holdLargeFor: minute
            ).isLarge)
        // One more is large together with the first, and says so again when it is asked for again.
        for _ in 0..<2 {
            #expect(
                try await bench.reserve(
                    [(shop, "a", 1)], for: large, by: "ann", holdFor: hour, holdLargeFor: minute
                ).isLarge)
        }
        #expect(
            try await !bench.reserve(
                [(shop, "a", 49)], for: OrderID(), by: "bob", holdFor: hour, holdLargeFor: minute
            ).isLarge)
        bench.clock.advance(by: minute)
        try await bench.useCases.reservations.expireDue()
        #expect(try await bench.state(of: large) == .expired)
        #expect(try await bench.state(of: small) == .held)
        #expect(try await bench.item("a", in: shop).available == 1)
        try await bench.checkBooks()
    }

    @Test func whoLetsLargeHoldsEndUnpaidGetsOnlyAShare() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 100, "b": 100])
        for attempt in 0..<HoldLimits().attempts {
            let order = OrderID()
            try await bench.reserve([(shop, "a", 100)], for: order, by: "ann", holdFor: .seconds(60))
            if attempt == 0 {
                bench.clock.advance(by: .seconds(60))
                try await bench.useCases.reservations.expireDue()
            } else {
                try await bench.kernel.release(order, bench.call)
            }
        }
        try await bench.reserve([(shop, "a", 20)], for: OrderID(), by: "ann")
        await #expect {
            try await bench.reserve([(shop, "b", 100), (shop, "a", 31)], for: OrderID(), by: "ann")
        } throws: { error in
            guard case VendorKernelError.holdTooLarge(let lines) = error else { return false }
            return lines.map { [$0.requested, $0.available] } == [[31, 30]] && lines.first?.sku == "a"
        }
        // All or nothing: the other line isn't held either.
        #expect(try await bench.item("b", in: shop).reserved == 0)
        #expect(try await bench.item("a", in: shop).reserved == 20)
        // Up to the share, other items, and for other holders everything.
        try await bench.reserve([(shop, "a", 30), (shop, "b", 100)], for: OrderID(), by: "ann")
        try await bench.reserve([(shop, "a", 50)], for: OrderID(), by: "bob")
        #expect(try await bench.item("a", in: shop).available == 0)
        try await bench.checkBooks()
    }

    @Test func aLargeHoldOfOneItemCountsForNoOther() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 100, "b": 100])
        for _ in 0..<HoldLimits().attempts {
            let order = OrderID()
            #expect(
                try await bench.reserve([(shop, "a", 100), (shop, "b", 1)], for: order, by: "ann").isLarge)
            try await bench.kernel.release(order, bench.call)
        }
        #expect(try await bench.reserve([(shop, "b", 100)], for: OrderID(), by: "ann").isLarge)
        await #expect(throws: VendorKernelError.self) {
            try await bench.reserve([(shop, "a", 100)], for: OrderID(), by: "ann")
        }
    }

    @Test func theShareIsFreeAgainAfterTheCoolDown() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 10])
        for _ in 0..<HoldLimits().attempts {
            let order = OrderID()
            try await bench.reserve([(shop, "a", 10)], for: order, by: "ann")
            try await bench.kernel.release(order, bench.call)
        }
        await #expect(throws: VendorKernelError.self) {
            try await bench.reserve([(shop, "a", 10)], for: OrderID(), by: "ann")
        }
        bench.clock.advance(by: HoldLimits().coolDown)
        #expect(try await bench.reserve([(shop, "a", 10)], for: OrderID(), by: "ann").isLarge)
    }

    @Test func whatWasPaidCountsForNothing() async throws {
        let bench = try await VendorBench(holds: Self.strict)
        let shop = try await bench.shop(["a": 20])
        for left in [10, 0] {
            let order = OrderID()
            if left == 0 { try await bench.count(["a": 20], in: shop) }
            try await bench.reserve([(shop, "a", 10)], for: order, by: "ann")
            try await bench.handle(try bench.paid([(shop, "a", 10)], order: order))
        }
        #expect(try await bench.item("a", in: shop).onHand == 10)
        try await bench.checkBooks()
    }

    @Test func theLastFewAreForAnybody() async throws {
        let bench = try await VendorBench(holds: Self.strict)
        let shop = try await bench.shop(["a": 5])
        #expect(try await !bench.reserve([(shop, "a", 5)], for: OrderID(), by: "ann").isLarge)
    }

    @Test func manyOrdersOfOneHolderAtOnceStayWithinTheShare() async throws {
        let bench = try await VendorBench(holds: Self.strict)
        let shop = try await bench.shop(["a": 1_000, "b": 400])
        let held = await withTaskGroup(of: Int.self) { group in
            for number in 0..<120 {
                group.addTask {
                    let lines = number.isMultiple(of: 2) ? ["a", "b"] : ["b", "a"]
                    do {
                        try await bench.reserve(lines.map { (shop, $0, 3) }, for: OrderID(), by: "ann")
                        return 3
                    } catch VendorKernelError.holdTooLarge {
                        return 0
                    } catch {
                        return 10_000
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(held == 198)
        #expect(try await bench.item("b", in: shop).reserved == 198)
        try await bench.checkBooks()
    }

    @Test func endedHoldsAreForgottenAndStandingOnesAreNot() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 400])
        var orders: [OrderID] = []
        for _ in 0..<105 {
            let order = OrderID()
            try await bench.reserve([(shop, "a", 1)], for: order, holdFor: .seconds(30 * 86_400))
            orders.append(order)
        }
        for order in orders.dropFirst() { try await bench.kernel.release(order, bench.call) }
        let sold = try await bench.sell([(shop, "a", 1)])
        try await bench.useCases.reservations.purge()
        #expect(try await bench.reservationCount() == 106)
        bench.clock.advance(by: Reservations.endedRetention + .seconds(1))
        try await bench.useCases.reservations.purge()
        #expect(try await bench.reservationCount() == 2)
        #expect(try await bench.state(of: orders[0]) == .held)
        #expect(try await bench.state(of: sold.orderId) == .committed)
        try await bench.checkBooks()
    }
}
