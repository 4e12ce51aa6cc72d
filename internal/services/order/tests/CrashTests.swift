import SoukDatabase
import SoukErrors
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukPaymentKernel
import SoukProductKernel
import SoukTesting
import SoukTime
import SoukVendorKernel
import Synchronization
import Testing

@testable import SoukOrder

/// A process that dies before or after a peer did its part leaves the same behind as one that never got the answer: the
/// step in the database, claimed. The next process must finish or undo it.
@Suite struct CrashTests {
    @Test(arguments: [Operation.reserve, .createIntent], Fault.allCases)
    func checkoutGoesOn(_ operation: Operation, _ fault: Fault) async throws {
        let world = try await OrderWorld()
        var service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100), stock: 5)
        try await world.fill(service, [(variant.id, 2)])
        world.peers.script(operation, [fault])
        #expect(
            await code {
                _ = try await service.checkout.place(
                    world.command(), of: world.customer, key: "k", world.context)
            } == "checkout.unfinished")
        try await world.leaveClaimed()
        service = try await world.start()
        #expect(try await service.sagas.advanceDue(limit: 10) == 1)
        let id = try await service.checkout.place(
            world.command(), of: world.customer, key: "k", world.context)
        #expect(try await world.status(id) == .awaitingPayment)
        #expect(try await world.published(OrderPlaced.self).map(\.orderId) == [id])
        #expect(world.peers.state.withLock { $0.intents.count } == 1)
        #expect(world.peers.stock("A") == 3)
        #expect(try await world.sagaCount() == 0)
        #expect(
            try await service.carts.view(.init(user: world.customer, token: nil), world.context).priced.lines
                .isEmpty)
    }

    @Test(arguments: [Operation.reserve, .createIntent], Fault.allCases)
    func theSameKeyGoesOnWithoutARestart(_ operation: Operation, _ fault: Fault) async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100), stock: 5)
        try await world.fill(service, [(variant.id, 2)])
        world.peers.script(operation, [fault, fault])
        var codes: [String?] = []
        for _ in 0..<3 {
            codes.append(
                await code {
                    _ = try await service.checkout.place(
                        world.command(), of: world.customer, key: "k", world.context)
                })
        }
        #expect(codes == ["checkout.unfinished", "checkout.unfinished", nil])
        #expect(world.peers.stock("A") == 3)
        #expect(try await world.published(OrderPlaced.self).count == 1)
    }

    @Test(arguments: [Operation.cancelIntent, .release], Fault.allCases)
    func undoingGoesOn(_ operation: Operation, _ fault: Fault) async throws {
        let world = try await OrderWorld()
        var service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100), stock: 5)
        try await world.fill(service, [(variant.id, 2)])
        world.peers.state.withLock { $0.refusesPayments = true }
        world.peers.script(operation, [fault])
        // The refusal is certain, though undoing isn't done.
        #expect(
            await code {
                _ = try await service.checkout.place(
                    world.command(), of: world.customer, key: "k", world.context)
            } == "payment.refused")
        try await world.leaveClaimed()
        service = try await world.start()
        _ = try await service.sagas.advanceDue(limit: 10)
        let cancelled = try await world.published(OrderCancelled.self)
        #expect(cancelled.map(\.reason) == ["checkout_failed"] && cancelled.map(\.wasPaid) == [false])
        #expect(try await world.status(try #require(cancelled.first?.orderId)) == .failed)
        #expect(world.peers.stock("A") == 5)
        #expect(try await world.sagaCount() == 0)
        #expect(
            await code {
                _ = try await service.checkout.place(
                    world.command(), of: world.customer, key: "k", world.context)
            } == "payment.refused")
        #expect(try await world.published(OrderRefundRequired.self).isEmpty)
    }

    @Test(arguments: Fault.allCases)
    func cancellingAnUnpaidOrderGoesOn(_ fault: Fault) async throws {
        let world = try await OrderWorld()
        var service = try await world.start()
        let id = try await world.placed(service)
        world.peers.script(.cancelIntent, [fault])
        #expect(
            try await service.cancellation.cancel(id, of: world.customer, world.context).order.status
                == .cancelling
        )
        try await world.leaveClaimed()
        service = try await world.start()
        _ = try await service.sagas.advanceDue(limit: 10)
        #expect(try await world.status(id) == .cancelled)
        #expect(try await world.published(OrderCancelled.self).map(\.reason) == ["customer"])
        #expect(
            try await service.cancellation.cancel(id, of: world.customer, world.context).order.status
                == .cancelled)
        #expect(try await world.published(OrderCancelled.self).count == 1)
    }

    @Test(arguments: Fault.allCases)
    func cancellingAPaidOrderGoesOn(_ fault: Fault) async throws {
        let world = try await OrderWorld()
        var service = try await world.start()
        let id = try await world.paid(service)
        world.peers.script(.cancelFulfilment, [fault])
        #expect(
            try await service.cancellation.cancel(id, of: world.customer, world.context).order.status
                == .cancelling
        )
        try await world.leaveClaimed()
        service = try await world.start()
        _ = try await service.sagas.advanceDue(limit: 10)
        #expect(try await world.status(id) == .cancelled)
        #expect(try await world.published(OrderCancelled.self).map(\.wasPaid) == [true])
        #expect(try await world.published(OrderRefundRequired.self).count == 1)
        #expect(world.peers.state.withLock { $0.held.isEmpty })
    }

    @Test func aClaimedSagaIsLeftToItsOwnerUntilItRunsOut() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100))
        try await world.fill(service, [(variant.id, 1)])
        world.peers.script(.reserve, [.before])
        func place() async -> String? {
            await code {
                _ = try await service.checkout.place(
                    world.command(), of: world.customer, key: "k", world.context)
            }
        }
        #expect(await place() == "checkout.unfinished")
        try await world.leaveClaimed(ranOut: false)
        #expect(await place() == "checkout.unfinished")
        #expect(world.peers.calls(.reserve) == 1)
        #expect(try await service.sagas.advanceDue(limit: 10) == 0)
        world.clock.advance(by: .seconds(61))
        #expect(try await service.sagas.advanceDue(limit: 10) == 1)
        #expect(await place() == nil)
    }

    @Test func aCheckoutFoundTooLateIsUndone() async throws {
        let world = try await OrderWorld()
        var service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100), stock: 5)
        try await world.fill(service, [(variant.id, 2)])
        world.peers.script(.createIntent, [.before])
        _ = await code {
            _ = try await service.checkout.place(world.command(), of: world.customer, key: "k", world.context)
        }
        world.clock.advance(by: .seconds(31 * 60))
        service = try await world.start()
        _ = try await service.sagas.advanceDue(limit: 10)
        #expect(
            await code {
                _ = try await service.checkout.place(
                    world.command(), of: world.customer, key: "k", world.context)
            } == "checkout.expired")
        #expect(world.peers.stock("A") == 5)
    }

    @Test func failedStepsWaitLongerEachTime() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100))
        try await world.fill(service, [(variant.id, 1)])
        world.peers.script(.reserve, Array(repeating: .before, count: 4))
        _ = await code {
            _ = try await service.checkout.place(world.command(), of: world.customer, key: "k", world.context)
        }
        for wait in [1, 2, 4, 8] as [Int64] {
            #expect(try await service.sagas.advanceDue(limit: 10) == 0)
            world.clock.advance(by: .seconds(wait))
            #expect(try await service.sagas.advanceDue(limit: 10) == 1)
        }
        #expect(try await world.published(OrderPlaced.self).count == 1)
    }
}
