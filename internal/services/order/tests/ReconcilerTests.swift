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
import Synchronization
import Testing

@testable import SoukOrder

@Suite struct ReconcilerTests {
    private func pass(_ world: OrderWorld, _ service: OrderService) async throws -> [ReconcilerFinding.Kind:
        Int]
    {
        try await service.reconciler.reconcile(world.context).counts
    }

    @Test func ordinaryTrafficIsNoFinding() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        world.clock.advance(by: .seconds(300))
        #expect(try await pass(world, service).isEmpty)
        // Captured this moment: the news is on its way.
        world.peers.capture(id)
        #expect(try await pass(world, service).isEmpty)
        #expect(try await world.status(id) == .awaitingPayment)
        try await world.deliver(service, try world.succeeded(id))
        world.clock.advance(by: .seconds(300))
        #expect(try await pass(world, service).isEmpty)
    }

    @Test func aLostPaymentIsFound() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        world.peers.capture(id)
        world.clock.advance(by: .seconds(61))
        #expect(try await pass(world, service) == [.lostPayment: 1])
        #expect(try await world.status(id) == .paid)
        #expect(try await pass(world, service).isEmpty)
        // The event turns up after all.
        try await world.deliver(service, try world.succeeded(id))
        #expect(try await world.published(OrderPaid.self).count == 1)
    }

    @Test(arguments: [PaymentIntent.State.failed, .cancelled])
    func aLostFailureIsFound(_ state: PaymentIntent.State) async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        world.peers.set(id, state)
        world.clock.advance(by: .seconds(61))
        #expect(try await pass(world, service) == [.paymentEnded: 1])
        #expect(try await world.status(id) == .cancelled)
        #expect(try await world.published(OrderCancelled.self).map(\.reason) == ["payment_failed"])
    }

    @Test func aMissingPaymentIsMadeAnew() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        let before = try await world.order(id).payment
        world.peers.set(id, nil)
        world.clock.advance(by: .seconds(61))
        #expect(try await pass(world, service) == [.missingPayment: 1])
        let after = try #require(try await world.order(id).payment)
        #expect(after.id != before?.id && after.payURL != nil)
        #expect(try await world.status(id) == .awaitingPayment)
        #expect(try await world.published(OrderPlaced.self).count == 1)
        #expect(try await pass(world, service).isEmpty)
    }

    @Test func anOrderWhosePaymentCannotBeMadeAnewIsCancelled() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        world.peers.set(id, nil)
        world.peers.state.withLock { $0.refusesPayments = true }
        world.clock.advance(by: .seconds(61))
        #expect(try await pass(world, service) == [.missingPayment: 1])
        #expect(try await world.status(id) == .cancelled)
        #expect(try await world.published(OrderCancelled.self).map(\.reason) == ["payment_failed"])
    }

    @Test func moneyWithoutAnOrderGoesBackOnce() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let ended = try await world.placed(service)
        _ = try await service.cancellation.cancel(ended, of: world.customer, world.context)
        world.peers.capture(ended)
        let unknown = OrderID()
        let now = world.clock.now()
        let amount = try OrderWorld.pounds(700)
        func put(_ order: OrderID, refunded: Money) {
            world.peers.state.withLock {
                $0.intents[order] = PaymentIntent(
                    id: PaymentID(), orderID: order, customerID: UserID(), amount: amount, refunded: refunded,
                    state: .captured, payURL: nil, capturedAt: now)
            }
        }
        put(unknown, refunded: try OrderWorld.pounds(699))
        put(OrderID(), refunded: amount)
        world.clock.advance(by: .seconds(61))
        #expect(try await pass(world, service) == [.paidAfterEnd: 1, .unknownOrder: 1])
        for _ in 0..<2 { #expect(try await pass(world, service).isEmpty) }
        #expect(Set(try await world.published(OrderRefundRequired.self).map(\.orderId)) == [ended, unknown])
    }

    /// Such as a payment database that was set back leaves behind.
    @Test func anOrderThatCannotBeMendedHoldsUpNoOther() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let misfit = try await world.placed(service, key: "misfit")
        world.clock.advance(by: .seconds(1))
        let good = try await world.placed(service, key: "good")
        let now = world.clock.now()
        let amount = try OrderWorld.pounds(1)
        for order in [misfit, OrderID()] {
            world.peers.state.withLock {
                $0.intents[order] = PaymentIntent(
                    id: PaymentID(), orderID: order, customerID: UserID(), amount: amount,
                    refunded: .zero(amount.currency), state: .captured, payURL: nil, capturedAt: now)
            }
        }
        world.peers.capture(good)
        world.clock.advance(by: .seconds(61))
        #expect(try await pass(world, service) == [.lostPayment: 1, .unknownOrder: 1])
        #expect(try await world.status(good) == .paid)
        #expect(try await world.status(misfit) == .awaitingPayment)
    }

    @Test func thousandsOfPaymentsOfOneMomentAreAllSeen() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let amount = try OrderWorld.pounds(1)
        let start = world.clock.now()
        world.peers.state.withLock { state in
            for index in 0..<2_500 {
                let order = OrderID()
                // Up to nine hundred share a microsecond.
                state.intents[order] = PaymentIntent(
                    id: PaymentID(), orderID: order, customerID: UserID(), amount: amount,
                    refunded: .zero(amount.currency),
                    state: .captured, payURL: nil, capturedAt: start + .microseconds(Int64(index / 900)))
            }
        }
        world.clock.advance(by: .seconds(61))
        #expect(try await pass(world, service) == [.unknownOrder: 2_500])
        #expect(try await pass(world, service).isEmpty)
    }

    @Test func manyWaitingOrdersAreEachLookedAtOnce() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100), stock: 10_000)
        for index in 0..<250 {
            let customer = UserID()
            try await world.fill(service, of: customer, [(variant.id, 1)])
            _ = try await service.checkout.place(
                world.command(), of: customer, key: "\(index)", world.context)
        }
        world.clock.advance(by: .seconds(61))
        #expect(try await service.reconciler.reconcile(world.context).ordersChecked == 250)
    }

    @Test(arguments: [true, false])
    func stuckSagasAreTakenUp(recordIsLost: Bool) async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let paid = try await world.paid(service)
        world.peers.script(.cancelFulfilment, [.before])
        _ = try await service.cancellation.cancel(paid, of: world.customer, world.context)
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100))
        try await world.fill(service, [(variant.id, 1)])
        world.peers.script(.createIntent, [.after])
        _ = await code {
            _ = try await service.checkout.place(
                world.command(), of: world.customer, key: "new", world.context)
        }
        if recordIsLost { try await world.database.execute("DELETE FROM sagas") }
        world.clock.advance(by: .seconds(61))
        #expect(try await pass(world, service) == [.stuckCancellation: 1, .stuckCheckout: 1])
        #expect(try await world.status(paid) == .cancelled)
        let created = try await OrderStore().order(of: world.customer, key: "new", in: world.database)
        #expect(created?.status == .awaitingPayment)
        #expect(try await pass(world, service).isEmpty)
    }
}
