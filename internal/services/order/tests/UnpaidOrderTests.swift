import SoukDatabase
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukPaymentKernel
import SoukProductKernel
import SoukTesting
import SoukTime
import Synchronization
import Testing

@testable import SoukOrder

/// Orders that end unpaid: how soon the next one may follow, how long a large one holds stock, how long they are kept.
@Suite struct UnpaidOrderTests {
    @Test(arguments: [(0, 0), (5, 0), (6, 60), (7, 120), (10, 960), (30, 21_600), (1_000_000, 21_600)])
    func theWaitDoubles(count: Int, seconds: Int) {
        #expect(CoolDown().wait(after: count, free: 5) == .seconds(seconds))
    }

    @Test func noCoolDownWhereNoneIsWanted() {
        var coolDown = CoolDown()
        coolDown.first = .zero
        #expect(coolDown.wait(after: 1_000, free: 5) == .zero)
    }

    @Test func afterOrdersThatEndedUnpaidTheNextOneWaits() async throws {
        let world = try await OrderWorld()
        let service = try await world.start { $0.coolDown.free = 2 }
        // However an order ends unpaid: cancelled, expired, declined, refused.
        let cancelled = try await world.placed(service, key: "1")
        _ = try await service.cancellation.cancel(cancelled, of: world.customer, world.context)
        _ = try await world.placed(service, key: "2")
        world.clock.advance(by: service.configuration.paymentWindow)
        #expect(try await service.cancellation.expireOverdue(limit: 10) == 1)
        let declined = try await world.placed(service, key: "3")
        try await world.deliver(
            service,
            PaymentFailed(
                paymentId: PaymentID(), orderId: declined, customerId: world.customer,
                reason: "declined"))
        #expect(try await world.status(declined) == .cancelled)

        world.clock.advance(by: .seconds(30))
        await #expect(throws: OrderError.coolingDown(3, .seconds(30))) {
            _ = try await world.placed(service, key: "4")
        }
        let other = world.peers.sell("OTHER", price: try OrderWorld.pounds(100))
        let neighbour = UserID()
        try await world.fill(service, of: neighbour, [(other.id, 1)])
        _ = try await service.checkout.place(world.command(), of: neighbour, key: "n", world.context)

        world.clock.advance(by: .seconds(30))
        let paid = try await world.placed(service, key: "4")
        try await world.pay(service, paid)
        // A paid order doesn't count, cancelled or not; after a day nothing does.
        _ = try await service.cancellation.cancel(paid, of: world.customer, world.context)
        let fourth = try await world.placed(service, key: "5")
        _ = try await service.cancellation.cancel(fourth, of: world.customer, world.context)
        await #expect(throws: OrderError.coolingDown(4, .seconds(120))) {
            _ = try await world.placed(service, key: "6")
        }
        world.clock.advance(by: CoolDown.period)
        _ = try await world.placed(service, key: "6")
    }

    /// Whoever is too slow in a sale has kept nothing from anybody. Without any limit they would be a way to fill the database.
    @Test func checkoutsThatHeldNothingCountApart() async throws {
        let world = try await OrderWorld()
        let service = try await world.start {
            $0.coolDown.free = 1
        }
        func refuse(_ key: String) async throws {
            let variant = world.peers.sell("SKU-\(key)", price: try OrderWorld.pounds(999))
            try await world.fill(service, [(variant.id, 2)])
            world.peers.during(.reserve) {
                world.peers.state.withLock { state in
                    for stock in state.stock.keys where stock.sku == variant.sku { state.stock[stock] = 0 }
                }
            }
            _ = try? await service.checkout.place(
                world.command(), of: world.customer, key: key, world.context)
            let order = try #require(
                try await OrderStore().order(of: world.customer, key: key, in: world.database))
            #expect(order.status == .failed)
        }
        for number in 0..<5 { try await refuse("\(number)") }
        let placed = try await world.placed(service, key: "slow")
        _ = try await service.cancellation.cancel(placed, of: world.customer, world.context)
        for number in 5..<50 { try await refuse("\(number)") }
        try await refuse("last")
        let soldOut = world.peers.sell("OUT", price: try OrderWorld.pounds(999))
        try await world.fill(service, [(soldOut.id, 1)])
        await #expect(throws: OrderError.coolingDown(51, .seconds(60))) {
            _ = try await service.checkout.place(
                world.command(), of: world.customer, key: "more", world.context)
        }
        world.clock.advance(by: .seconds(60))
        _ = try await service.checkout.place(world.command(), of: world.customer, key: "more", world.context)
    }

    @Test func aLargeOrderHasLessTimeToPay() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        world.peers.state.withLock { $0.largeHolds = true }
        let start = world.clock.now()
        let id = try await world.placed(service)
        let order = try await world.order(id)
        #expect(order.expiresAt == start + service.configuration.sagas.largeWindow)
        let asked = world.peers.state.withLock { ($0.holds[id], $0.requests[id]?.expiresAt, $0.holders[id]) }
        #expect(asked.0 == service.configuration.sagas.largeHold)
        #expect(asked.1 == order.expiresAt)
        #expect(asked.2 == world.customer.description)
        world.clock.advance(by: service.configuration.sagas.largeWindow)
        #expect(try await service.cancellation.expireOverdue(limit: 10) == 1)
        #expect(try await world.status(id) == .expired)
    }

    @Test func cancellingAgainChangesNothing() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        #expect(try await service.cancellation.cancel(id, of: world.customer, world.context).changed)
        #expect(try await !service.cancellation.cancel(id, of: world.customer, world.context).changed)
    }

    @Test func unpaidOrdersAreForgottenAndPaidOnesAreNot() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let unpaid = try await world.placed(service, key: "1")
        _ = try await service.cancellation.cancel(unpaid, of: world.customer, world.context)
        let refunded = try await world.placed(service, key: "2")
        try await world.pay(service, refunded)
        _ = try await service.cancellation.cancel(refunded, of: world.customer, world.context)
        let waiting = try await world.placed(service, key: "3")
        let late = try await world.placed(service, key: "4")
        _ = try await service.cancellation.cancel(late, of: world.customer, world.context)
        // Money came all the same: what is asked back must be found.
        try await world.deliver(service, try world.succeeded(late))

        let age = service.configuration.unpaidRetention
        world.clock.advance(by: age)
        #expect(try await service.checkout.purge(unpaidFor: age) == 0)
        world.clock.advance(by: .seconds(1))
        #expect(try await service.checkout.purge(unpaidFor: age) == 1)
        #expect(try await OrderStore().order(unpaid, in: world.database) == nil)
        for kept in [refunded, waiting, late] { _ = try await world.order(kept) }
        let lines = try await world.database.scalar(
            "SELECT COUNT(*) FROM order_lines WHERE order_id = \(unpaid)", as: Int.self)
        #expect(lines == 0)
    }
}
