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

@Suite struct PaymentTests {
    @Test func aPaymentHeardTwiceIsOne() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.paid(service)
        try await world.deliver(service, try world.succeeded(id))
        #expect(try await world.status(id) == .paid)
        #expect(try await world.published(OrderPaid.self).count == 1)
        #expect(try await world.order(id).payment?.payURL == nil)
    }

    @Test func anotherAmountIsNotThisOrdersPayment() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        let event = PaymentSucceeded(
            paymentId: PaymentID(), orderId: id, customerId: world.customer, amount: try OrderWorld.pounds(1))
        #expect(await code { try await world.deliver(service, event) } == "order.payment_mismatch")
        #expect(try await world.status(id) == .awaitingPayment)
    }

    @Test func aPaymentDuringCheckoutIsNotLost() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let variant = world.peers.sell("A", price: try OrderWorld.pounds(100))
        try await world.fill(service, [(variant.id, 1)])
        world.peers.script(.createIntent, [.after])
        _ = await code {
            _ = try await service.checkout.place(world.command(), of: world.customer, key: "k", world.context)
        }
        let id = try #require(world.peers.state.withLock { $0.intents.keys.first })
        try await world.pay(service, id)
        #expect(try await world.status(id) == .creating)
        _ = try await service.checkout.place(world.command(), of: world.customer, key: "k", world.context)
        #expect(try await world.status(id) == .paid)
        #expect(try await world.published(OrderPlaced.self).count == 1)
        #expect(try await world.published(OrderPaid.self).count == 1)
    }

    @Test(arguments: [
        ("declined", OrderStatus.cancelled, "payment_failed"), ("expired", .expired, "expired"),
    ])
    func aFailedPaymentEndsTheOrder(reason: String, status: OrderStatus, told: String) async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        let event = PaymentFailed(
            paymentId: PaymentID(), orderId: id, customerId: world.customer, reason: reason)
        for _ in 0..<2 { try await world.deliver(service, event) }
        #expect(try await world.status(id) == status)
        #expect(try await world.published(OrderCancelled.self).map(\.reason) == [told])
        #expect(try await world.published(OrderRefundRequired.self).isEmpty)
    }

    @Test func aFailureOfAPaidOrderIsNotSwallowed() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.paid(service)
        let event = PaymentFailed(
            paymentId: PaymentID(), orderId: id, customerId: world.customer, reason: "declined")
        #expect(await code { try await world.deliver(service, event) } == "order.illegal_transition")
    }

    /// The provider counted the charge as ended, and took the money all the same while the stock was being released.
    @Test func moneyTakenWhileACheckoutIsUndoneGoesBackOnce() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        world.peers.state.withLock { $0.refusesPayments = true }
        world.peers.during(.release) {
            let order = try #require(
                try await OrderStore().order(of: world.customer, key: "k", in: world.database))
            try await world.deliver(
                service,
                PaymentSucceeded(
                    paymentId: PaymentID(), orderId: order.id, customerId: world.customer,
                    amount: order.total))
        }
        #expect(await code { _ = try await world.placed(service) } == "payment.refused")
        let order = try #require(
            try await OrderStore().order(of: world.customer, key: "k", in: world.database))
        #expect(order.status == .failed)
        #expect(try await world.published(OrderCancelled.self).map(\.wasPaid) == [true])
        #expect(try await world.published(OrderRefundRequired.self).map(\.orderId) == [order.id])
    }

    @Test func aLatePaymentGoesBackOnce() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        world.clock.advance(by: .seconds(30 * 60))
        #expect(try await service.cancellation.expireOverdue(limit: 10) == 1)
        #expect(try await world.status(id) == .expired)
        #expect(try await world.published(OrderCancelled.self).map(\.reason) == ["expired"])
        // The provider took the money all the same.
        for _ in 0..<3 { try await world.pay(service, id) }
        world.clock.advance(by: .seconds(120))
        _ = try await service.reconciler.reconcile(world.context)
        #expect(try await world.status(id) == .expired)
        #expect(try await world.published(OrderRefundRequired.self).map(\.orderId) == [id])
        #expect(try await world.published(OrderPaid.self).isEmpty)
        let total = try await world.order(id).total
        try await world.deliver(
            service,
            PaymentRefunded(
                refundId: RefundID(), paymentId: PaymentID(), orderId: id, customerId: world.customer,
                amount: total,
                totalRefunded: total, returnId: nil))
        #expect(try await world.order(id).refunded == total)
    }

    @Test func moneyForAnUnknownOrderGoesBackOnce() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let event = PaymentSucceeded(
            paymentId: PaymentID(), orderId: OrderID(), customerId: UserID(), amount: try OrderWorld.pounds(5)
        )
        for _ in 0..<2 { try await world.deliver(service, event) }
        #expect(try await world.published(OrderRefundRequired.self).map(\.orderId) == [event.orderId])
    }

    @Test func refundsOnlyGrow() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.paid(service)
        func refunded(_ pence: Int64) throws -> PaymentRefunded {
            PaymentRefunded(
                refundId: RefundID(), paymentId: PaymentID(), orderId: id, customerId: world.customer,
                amount: try OrderWorld.pounds(1), totalRefunded: try OrderWorld.pounds(pence), returnId: nil)
        }
        for pence in [500, 999, 999, 500] as [Int64] { try await world.deliver(service, try refunded(pence)) }
        #expect(try await world.order(id).refunded.amount == 999)
        #expect(
            await code { try await world.deliver(service, try refunded(1_999)) } == "order.payment_mismatch")
    }

    // MARK: - Cancellation against payment

    @Test func theCancellationIsQuicker() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        #expect(
            try await service.cancellation.cancel(id, of: world.customer, world.context).order.status
                == .cancelled)
        #expect(world.peers.state.withLock { $0.intents[id]?.state } == .cancelled)
        #expect(try await world.order(id).payment?.state == "cancelled")
        #expect(try await world.published(OrderCancelled.self).map(\.wasPaid) == [false])
        #expect(try await world.published(OrderRefundRequired.self).isEmpty)
    }

    @Test(arguments: [true, false])
    func thePaymentIsQuickerAndIsCancelledAsPaid(eventComesFirst: Bool) async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        world.peers.during(.cancelIntent) {
            world.peers.capture(id)
            if eventComesFirst { try await world.deliver(service, try world.succeeded(id)) }
        }
        #expect(
            try await service.cancellation.cancel(id, of: world.customer, world.context).order.status
                == .cancelled)
        if !eventComesFirst { try await world.deliver(service, try world.succeeded(id)) }
        #expect(world.peers.state.withLock { $0.fulfilmentCancelled } == [id])
        #expect(try await world.published(OrderPaid.self).count == 1)
        #expect(try await world.published(OrderCancelled.self).map(\.wasPaid) == [true])
        #expect(try await world.published(OrderRefundRequired.self).count == 1)
        #expect(try await world.status(id) == .cancelled)
    }

    @Test(arguments: [true, false])
    func aPaymentInTheLastMomentBeatsExpiry(eventComesFirst: Bool) async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        world.clock.advance(by: .seconds(30 * 60))
        world.peers.during(.cancelIntent) {
            world.peers.capture(id)
            if eventComesFirst { try await world.deliver(service, try world.succeeded(id)) }
        }
        _ = try await service.cancellation.expireOverdue(limit: 10)
        if !eventComesFirst { try await world.deliver(service, try world.succeeded(id)) }
        #expect(try await world.status(id) == .paid)
        #expect(try await world.order(id).cancelReason == nil)
        #expect(try await world.published(OrderPaid.self).count == 1)
        #expect(try await world.published(OrderCancelled.self).isEmpty)
        #expect(try await world.sagaCount() == 0)
    }

    @Test func whatHasShippedIsNotCancelled() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.paid(service)
        let part = try #require(try await OrderQueries().detail(id, in: world.database)?.parts.first)
        world.peers.state.withLock { _ = $0.shipped.insert(id) }
        world.peers.during(.cancelFulfilment) {
            // The news of the parcel comes while the vendor is asked.
            try await world.deliver(
                service,
                VendorOrderChanged(
                    vendorOrderId: part.vendorOrderID, orderId: id, number: "S", customerId: world.customer,
                    vendorId: part.vendorID, status: "shipped"))
        }
        for _ in 0..<2 {
            #expect(
                await code {
                    _ = try await service.cancellation.cancel(id, of: world.customer, world.context)
                }
                    == "order.already_shipped")
        }
        #expect(try await world.status(id) == .shipped)
        #expect(try await world.order(id).cancelReason == nil)
        #expect(try await world.published(OrderCancelled.self).isEmpty)
    }

    @Test func twentyCancellationsAreOne() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.paid(service)
        try await withThrowingTaskGroup(of: OrderStatus.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await service.cancellation.cancel(id, of: world.customer, world.context).order.status
                }
            }
            for try await status in group { #expect(status == .cancelled) }
        }
        #expect(try await world.published(OrderCancelled.self).count == 1)
        #expect(try await world.published(OrderRefundRequired.self).count == 1)
    }

    @Test func somebodyElsesOrderIsNotFound() async throws {
        let world = try await OrderWorld()
        let service = try await world.start()
        let id = try await world.placed(service)
        #expect(
            await code { _ = try await service.cancellation.cancel(id, of: UserID(), world.context) }
                == "order.not_found")
        #expect(try await world.status(id) == .awaitingPayment)
    }
}
