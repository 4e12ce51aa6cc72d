import SoukDatabase
import SoukErrors
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTesting
import SoukVendorKernel
import Testing

@testable import SoukVendor

@Suite struct StockTests {
    /// The schema itself refuses what no code of ours would do.
    @Test(arguments: [
        "on_hand = -1, reserved = 0", "reserved = -1", "reserved = on_hand + 1", "on_hand = reserved - 1",
        "low_stock_threshold = -1",
    ])
    func theDatabaseRefusesImpossibleStock(change: String) async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 5])
        try await bench.reserve([(shop, "a", 3)], for: OrderID())
        let before = try await bench.contents()
        let error = await #expect(throws: DatabaseError.self) {
            try await bench.database.execute(SQL(raw: "UPDATE inventory SET \(change)"))
        }
        guard case .checkViolation = error?.reason else {
            Issue.record("\(change): \(String(describing: error))")
            return
        }
        let line = await #expect(throws: DatabaseError.self) {
            try await bench.database.execute("UPDATE reservation_lines SET quantity = quantity - 3")
        }
        guard case .checkViolation = line?.reason else {
            Issue.record("a reservation of nothing: \(String(describing: line))")
            return
        }
        #expect(try await bench.contents() == before)
    }

    @Test func countsSetAndAreJournalled() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 5, "b": 0])
        try await bench.count(["a": 8, "b": 0, "c": 2], in: shop)
        let journal = try await bench.useCases.stock.movements(
            PageRequest(), in: shop.store, sku: nil, by: shop.owner)
        #expect(
            Set(journal.items.map { "\($0.key.sku) \($0.delta) \($0.reason)" }) == [
                "a 5 count", "a 3 count", "c 2 count",
            ])
        try await bench.checkBooks()
    }

    @Test func nothingIsCountedBelowWhatIsReserved() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 5, "b": 5])
        try await bench.reserve([(shop, "b", 3)], for: OrderID())
        let before = try await bench.contents()
        let counts = [
            StockCount(sku: "a", onHand: 1, lowStockThreshold: nil),
            StockCount(sku: "b", onHand: 2, lowStockThreshold: nil),
        ]
        await #expect(throws: VendorError.belowReserved([1: 3])) {
            try await bench.useCases.stock.count(counts, in: shop.store, by: shop.owner, key: "k")
        }
        await #expect(throws: VendorError.insufficientStock(["b"])) {
            try await bench.useCases.stock.adjust(
                "b", by: -3, note: "lost", in: shop.store, by: shop.owner, key: "k")
        }
        await #expect(throws: VendorError.notFound(.inventory)) {
            try await bench.useCases.stock.adjust(
                "x", by: 3, note: "found", in: shop.store, by: shop.owner, key: "k")
        }
        await #expect(throws: ValidationError.self) {
            try await bench.useCases.stock.adjust(
                "a", by: StockKeeping.maximum, note: "found", in: shop.store, by: shop.owner, key: "k")
        }
        #expect(try await bench.contents() == before)
    }

    @Test func aRepeatedKeyChangesNothing() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 5])
        let stock = bench.useCases.stock
        _ = try await stock.adjust("a", by: -1, note: "lost", in: shop.store, by: shop.owner, key: "one")
        let again = try await stock.adjust(
            "a", by: -1, note: "lost", in: shop.store, by: shop.owner, key: "one")
        #expect(again.onHand == 4)
        let counts = [StockCount(sku: "a", onHand: 9, lowStockThreshold: nil)]
        _ = try await stock.count(counts, in: shop.store, by: shop.owner, key: "two")
        _ = try await bench.sell([(shop, "a", 1)])
        // A late retry must not put back what was sold meanwhile.
        let late = try await stock.count(counts, in: shop.store, by: shop.owner, key: "two")
        #expect(late.map(\.onHand) == [8])
        try await bench.checkBooks()
    }

    @Test func lowStockIsToldOncePerCrossing() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 6], threshold: 3)
        _ = try await bench.sell([(shop, "a", 2)])
        #expect(try await bench.published(StockLow.self).isEmpty)
        // A hold alone alarms nobody.
        let abandoned = OrderID()
        try await bench.reserve([(shop, "a", 3)], for: abandoned)
        try await bench.kernel.release(abandoned, bench.call)
        #expect(try await bench.published(StockLow.self).isEmpty)
        _ = try await bench.sell([(shop, "a", 1)])
        _ = try await bench.sell([(shop, "a", 1)])
        let told = try await bench.published(StockLow.self)
        #expect(told.map(\.available) == [3])
        #expect(told.first?.ownerId == shop.owner && told.first?.threshold == 3)
        try await bench.count(["a": 10], in: shop)
        try await bench.count(["a": 1], in: shop)
        #expect(try await bench.published(StockLow.self).map(\.available) == [3, 1])
    }

    @Test func heldStockOfOthersDoesNotRepeatTheAlert() async throws {
        let bench = try await VendorBench()
        let shop = try await bench.shop(["a": 9], threshold: 5)
        let (first, second) = (OrderID(), OrderID())
        try await bench.reserve([(shop, "a", 1)], for: first)
        try await bench.reserve([(shop, "a", 3)], for: second)
        try await bench.handle(try bench.paid([(shop, "a", 1)], order: first))
        try await bench.handle(try bench.paid([(shop, "a", 3)], order: second))
        #expect(try await bench.published(StockLow.self).count == 1)
    }

    /// Whatever happens in whatever order: the journal sums to what is on hand, and holds to what is reserved.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func theBooksBalanceAfterRandomOperations(seed: UInt64) async throws {
        let bench = try await VendorBench()
        var random = SeededGenerator(seed: seed)
        let shops = [
            try await bench.shop(["a": 20, "b": 5, "c": 1], threshold: 2),
            try await bench.shop(["a": 7, "b": 50]),
        ]
        var open: [(OrderID, [(VendorBench.Shop, String, Int)])] = []
        var paid: [OrderPaid] = []
        for step in 0..<120 {
            let shop = shops[Int.random(in: 0..<2, using: &random)]
            let sku = ["a", "b"][Int.random(in: 0..<2, using: &random)]
            do {
                switch Int.random(in: 0..<9, using: &random) {
                case 0:
                    try await bench.count([sku: Int.random(in: 0..<40, using: &random)], in: shop)
                case 1:
                    let delta = [-7, -1, 2, 9][Int.random(in: 0..<4, using: &random)]
                    _ = try await bench.useCases.stock.adjust(
                        sku, by: delta, note: "n", in: shop.store, by: shop.owner, key: "\(step)")
                case 2, 3, 4:
                    let lines = shops.map { ($0, sku, Int.random(in: 1...4, using: &random)) }
                    let order = OrderID()
                    try await bench.reserve(
                        lines, for: order, holdFor: .seconds(Int64.random(in: 1...20, using: &random)))
                    open.append((order, lines))
                case 5:
                    guard let (order, lines) = open.randomElement(using: &random) else { continue }
                    let event = try bench.paid(lines, order: order)
                    try await bench.handle(event)
                    paid.append(event)
                case 6:
                    guard let (order, _) = open.randomElement(using: &random) else { continue }
                    try await bench.kernel.release(order, bench.call)
                case 7:
                    guard let event = paid.randomElement(using: &random) else { continue }
                    try await bench.kernel.cancelFulfilment(event.orderId, bench.call)
                default:
                    bench.clock.advance(by: .seconds(3))
                    try await bench.useCases.reservations.expireDue()
                }
            } catch is VendorError {
                // Refused, as it may be.
            } catch is VendorKernelError {
                // Refused, as it may be.
            }
            try await bench.checkBooks()
        }
        let summary = try await bench.useCases.stock.summary(PageRequest())
        #expect(summary.items.count == 2 && summary.items.allSatisfy { $0.onHand == $0.movements })
    }
}
