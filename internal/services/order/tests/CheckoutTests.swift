import SoukDatabase
import SoukErrors
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukProductKernel
import SoukTesting
import SoukTime
import SoukVendorKernel
import Synchronization
import Testing

@testable import SoukOrder

@Suite struct CheckoutTests {
    @Test func aCustomerHoldsOnlySoMuchWithoutPaying() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let thing = world.peers.sell("A", price: try OrderWorld.pounds(100))
        let limit = service.configuration.maximumUnpaid
        func buy(_ number: Int, as customer: UserID) async throws -> OrderID {
            try await world.fill(service, of: customer, [(thing.id, 1)])
            return try await service.checkout.place(
                world.command(), of: customer, key: "k\(number)", world.context)
        }
        var orders: [OrderID] = []
        for number in 0..<limit { orders.append(try await buy(number, as: world.customer)) }
        #expect(await code { _ = try await buy(limit, as: world.customer) } == "checkout.too_many_unpaid")
        _ = try await buy(limit, as: UserID())
        // The key of an order that is there already is no new order.
        #expect(try await buy(0, as: world.customer) == orders[0])
        try await world.pay(service, orders[0])
        _ = try await buy(limit + 1, as: world.customer)
    }

    @Test func oneOrderOverManyVendors() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let (vendor, first, second) = (VendorID(), StoreID(), StoreID())
        let one = world.peers.sell("A", price: try OrderWorld.pounds(1_000), vendor: vendor, store: first)
        let two = world.peers.sell("B", price: try OrderWorld.pounds(250), vendor: vendor, store: second)
        let three = world.peers.sell("C", price: try OrderWorld.pounds(1))
        try await world.fill(service, [(one.id, 2), (two.id, 1), (three.id, 7)])
        let id = try await service.checkout.place(
            world.command(reference: "PO-1", expecting: try OrderWorld.pounds(2_257)), of: world.customer,
            key: "k",
            world.context)
        let detail = try #require(try await OrderQueries().detail(id, in: world.database))
        #expect(detail.order.status == .awaitingPayment && detail.order.reference == "PO-1")
        #expect(detail.order.total == (try OrderWorld.pounds(2_257)))
        #expect(detail.parts.map(\.total.amount) == [2_000, 250, 7])
        #expect(detail.lines.map(\.total.amount) == [2_000, 250, 7])
        #expect(detail.order.payment?.payURL == "https://pay.example/\(id)")
        let request = try #require(world.peers.state.withLock { $0.requests[id] })
        // One share for each vendor, whatever the number of its stores.
        #expect(request.shares.map(\.gross.amount) == [2_250, 7])
        #expect(request.expiresAt == detail.order.expiresAt)
        #expect(world.peers.state.withLock { $0.holds[id] } == .seconds(40 * 60))
        #expect(try await world.published(OrderPlaced.self).map(\.orderId) == [id])
        #expect(
            try await service.carts.view(.init(user: world.customer, token: nil), world.context).priced.lines
                .isEmpty)
        #expect(try await world.sagaCount() == 0)

        try await world.pay(service, id)
        let paid = try #require(try await world.published(OrderPaid.self).first)
        #expect(paid.parts.map(\.vendorOrderId) == detail.parts.map(\.vendorOrderID))
        #expect(paid.parts.flatMap(\.lines).map(\.total.amount) == [2_000, 250, 7])
    }

    @Test func aHundredAtOnceWithOneKeyMakeOneOrder() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100), stock: 50)
        try await world.fill(service, [(variant.id, 2)])
        let ids = try await withThrowingTaskGroup(of: OrderID.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    try await service.checkout.place(
                        world.command(), of: world.customer, key: "k", world.context)
                }
            }
            return try await group.reduce(into: Set<OrderID>()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        #expect(world.peers.state.withLock { $0.intents.count } == 1)
        #expect(world.peers.calls(.createIntent) == 1)
        #expect(world.peers.stock("A") == 48)
        #expect(try await world.published(OrderPlaced.self).count == 1)
        #expect(try await world.database.scalar("SELECT COUNT(*) FROM orders", as: Int.self) == 1)
    }

    @Test func theSameRequestBeingQuickerIsFoundWhenTheOrderIsWritten() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100))
        try await world.fill(service, [(variant.id, 1)])
        let first = Mutex<OrderID?>(nil)
        world.peers.during(.variants) {
            let id = try await service.checkout.place(
                world.command(), of: world.customer, key: "k", world.context)
            first.withLock { $0 = id }
        }
        let second = try await service.checkout.place(
            world.command(), of: world.customer, key: "k", world.context)
        #expect(first.withLock { $0 } == second)
        #expect(try await world.published(OrderPlaced.self).count == 1)
    }

    @Test func theLastUnitIsSoldOnce() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100), stock: 1)
        let buyers = (0..<200).map { _ in UserID() }
        for buyer in buyers { try await world.fill(service, of: buyer, [(variant.id, 1)]) }
        let codes = await withTaskGroup(of: String?.self) { group in
            for buyer in buyers {
                group.addTask {
                    await code {
                        _ = try await service.checkout.place(
                            world.command(), of: buyer, key: "k", world.context)
                    }
                }
            }
            return await group.reduce(into: [String?: Int]()) { $0[$1, default: 0] += 1 }
        }
        #expect(codes == [nil: 1, "stock.insufficient": 199])
        #expect(world.peers.stock("A") == 0)
    }

    @Test func twoKeysDoNotBuyOneCartTwice() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100))
        try await world.fill(service, [(variant.id, 1)])
        world.peers.during(.reserve) {
            let second = await code {
                _ = try await service.checkout.place(
                    world.command(), of: world.customer, key: "2", world.context)
            }
            #expect(second == "checkout.in_progress")
        }
        _ = try await service.checkout.place(world.command(), of: world.customer, key: "1", world.context)
        #expect(
            await code {
                _ = try await service.checkout.place(
                    world.command(), of: world.customer, key: "2", world.context)
            } == "cart.empty")
    }

    @Test func onlyWhatWasBoughtLeavesTheCart() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let one = world.peers.sell("A", price: try OrderWorld.pounds(100))
        let two = world.peers.sell("B", price: try OrderWorld.pounds(100))
        let access = CartAccess(user: world.customer, token: nil)
        try await world.fill(service, [(one.id, 2)])
        world.peers.during(.createIntent) {
            // Meanwhile the customer goes on shopping.
            for variant in [one, two] {
                _ = try await service.carts.add(
                    CartItemRequest(variantID: variant.id, storeID: nil, quantity: 3), access, world.context)
            }
        }
        let id = try await service.checkout.place(
            world.command(), of: world.customer, key: "k", world.context)
        #expect(try await world.order(id).total.amount == 200)
        let left = try await service.carts.view(access, world.context).priced.lines
        #expect(left.map(\.item.variantID) == [one.id, two.id] && left.map(\.item.quantity) == [3, 3])
    }

    @Test func refusalsOfTheCart() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        func place(_ command: CheckoutCommand) async -> String? {
            await code {
                _ = try await service.checkout.place(command, of: world.customer, key: "k", world.context)
            }
        }
        #expect(await place(world.command()) == "cart.empty")
        let pounds = world.peers.sell("A", price: try OrderWorld.pounds(100))
        let euros = world.peers.sell("B", price: Money(100, try #require(Currency("EUR"))))
        let free = world.peers.sell("C", price: try OrderWorld.pounds(0))
        try await world.fill(service, [(pounds.id, 1), (euros.id, 1)])
        #expect(await place(world.command()) == "checkout.mixed_currencies")
        try await world.fill(service, [(free.id, 1)])
        #expect(await place(world.command()) == "checkout.nothing_to_pay")
        try await world.fill(service, [(pounds.id, 1)])
        #expect(await place(world.command(expecting: try OrderWorld.pounds(99))) == "checkout.total_changed")
        #expect(world.peers.calls(.reserve) == 0)
        #expect(await place(world.command(expecting: try OrderWorld.pounds(100))) == nil)
    }

    @Test func anOrderTooLargeToTellOfIsRefused() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let long = String(repeating: "long text ", count: 80)
        let lines = try (0..<1_000).map { index in
            (world.peers.sell("V\(index) \(long)", price: try OrderWorld.pounds(1)).id, 1)
        }
        try await world.fill(service, lines)
        #expect(
            await code {
                _ = try await service.checkout.place(
                    world.command(), of: world.customer, key: "k", world.context)
            } == "checkout.too_large")
    }

    @Test(arguments: ["stock", "closed", "provider"])
    func peersRefusalsUndoTheCheckoutAndLast(_ reason: String) async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let (vendor, store) = (VendorID(), StoreID())
        let variant = world.peers.sell(
            "A", price: try OrderWorld.pounds(100), vendor: vendor, store: store, stock: 5)
        try await world.fill(service, [(variant.id, 5)])
        // Things change after the cart was looked at, so that only the saga finds out.
        let expected: String
        switch reason {
        case "stock":
            expected = "stock.insufficient"
            world.peers.during(.reserve) {
                world.peers.state.withLock { $0.stock[.init(storeID: store, sku: "A")] = 4 }
            }
        case "closed":
            expected = "store.closed"
            world.peers.during(.reserve) { world.peers.state.withLock { $0.stores[store]?.isOpen = false } }
        default:
            expected = "payment.refused"
            world.peers.state.withLock { $0.refusesPayments = true }
        }
        for _ in 0..<2 {
            #expect(
                await code {
                    _ = try await service.checkout.place(
                        world.command(), of: world.customer, key: "k", world.context)
                } == expected)
            // All is well again, but this key's answer stands.
            world.peers.state.withLock { state in
                state.stores[store]?.isOpen = true
                state.refusesPayments = false
            }
        }
        let id = try #require(try await world.published(OrderCancelled.self).first?.orderId)
        #expect(try await world.status(id) == .failed)
        #expect(try await world.published(OrderCancelled.self).map(\.reason) == ["checkout_failed"])
        #expect(world.peers.state.withLock { $0.held.isEmpty })
        #expect(
            try await service.carts.view(.init(user: world.customer, token: nil), world.context).priced.lines
                .count == 1)
        #expect(try await world.published(OrderPlaced.self).isEmpty)
    }

    @Test func theSchemaHoldsTheBooks() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        let statements: [SQL] = [
            "UPDATE orders SET total_amount = total_amount + 1 WHERE id = \(id)",
            "UPDATE orders SET refunded_amount = total_amount + 1 WHERE id = \(id)",
            "UPDATE orders SET refunded_amount = -1 WHERE id = \(id)",
            "UPDATE orders SET status = 'lost' WHERE id = \(id)",
            "UPDATE order_lines SET quantity = quantity + 1 WHERE order_id = \(id)",
            "UPDATE order_lines SET unit_amount = -1, total_amount = -2 WHERE order_id = \(id)",
        ]
        for statement in statements {
            do {
                try await world.database.execute(statement)
                Issue.record("accepted: \(statement.text)")
            } catch {
                guard case .checkViolation = error.reason else { throw error }
            }
        }
    }
}
