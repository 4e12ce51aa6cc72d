import SoukDatabase
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTesting
import SoukTime
import Testing

@testable import SoukPayment

@Suite struct RefundTests {
    @Test func manyAtOnceNeverExceedWhatWasCaptured() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.paid([700, 299])
        let granted = try await withThrowingTaskGroup(of: Int64.self) { group in
            for index in 0..<50 {
                group.addTask {
                    let amount = Int64(40 + index)
                    do {
                        return try await bench.refund(.exactly(bench.money(amount)), of: intent).amount.amount
                    } catch PaymentError.exceedsRemaining {
                        return 0
                    }
                }
                group.addTask {
                    try await bench.core.refundWorker.run()
                    return 0
                }
            }
            return try await group.reduce(0, +)
        }
        try await bench.core.refundWorker.run()
        let after = try await bench.intent(intent.id)
        #expect(granted <= 999 && granted > 999 - 90)
        #expect(after.refunded.amount == granted && after.refundReserved == after.refunded)
        let provider = bench.provider.charges.values.flatMap(\.refunds.values).reduce(0) { $0 + $1.amount }
        #expect(provider == granted)
        #expect(
            try await bench.published(PaymentRefunded.self).reduce(0) { $0 + $1.amount.amount } == granted)
        #expect(try await bench.published(PaymentRefunded.self).last?.totalRefunded.amount == granted)
        try await bench.checkBooks()
    }

    @Test func afterAFullRefundEverythingIsZero() async throws {
        let bench = try await PaymentBench { $0.commissionBasisPoints = 1_234 }
        let vendors = (0..<3).map { _ in VendorID() }
        let intent = try await bench.paid([333, 1, 667], vendors: vendors)
        for amount in [1, 7, 100, 333] as [Int64] {
            _ = try await bench.refund(.exactly(bench.money(amount)), of: intent)
            try await bench.core.refundWorker.run()
            try await bench.checkBooks()
        }
        // Each alone would give back a whole penny of commission for five: rounded one by one it would be too much.
        for _ in 0..<10 {
            _ = try await bench.refund(.exactly(bench.money(5)), of: intent, vendor: vendors[0])
        }
        try await bench.core.refundWorker.run()
        try await bench.checkBooks()
        _ = try await bench.refund(.remaining, of: intent, vendor: vendors[2])
        _ = try await bench.refund(.remaining, of: intent)
        try await bench.core.refundWorker.run()
        #expect(try await bench.balances().values.allSatisfy { $0 == 0 })
        #expect(try await bench.intent(intent.id).refunded == bench.money(1_001))
        await #expect(throws: PaymentError.nothingLeft) { try await bench.refund(.remaining, of: intent) }
        try await bench.checkBooks()
    }

    @Test func aFirstAttemptDoesNotWaitForAClockThatWasAhead() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.paid()
        let id = try await bench.refund(.exactly(bench.money(100)), of: intent).id
        let ahead = bench.clock.now() + .seconds(600)
        try await bench.database.execute("UPDATE refunds SET next_attempt_at = \(ahead)")
        try await bench.core.refundWorker.run()
        #expect(try await bench.core.refundStore.find(id, in: bench.database)?.state == .succeeded)
    }

    @Test func theSameKeyIsTheSameRefund() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.paid()
        let ids = try await withThrowingTaskGroup(of: RefundID.self) { group in
            for _ in 0..<20 {
                group.addTask { try await bench.refund(.exactly(bench.money(100)), of: intent, key: "k").id }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        let other = try await bench.paid()
        await #expect(throws: PaymentError.keyReused) {
            try await bench.refund(.exactly(bench.money(100)), of: other, key: "k")
        }
    }

    /// Answers are kept for a day, keys for good: a key that comes again for something else must not pass for done.
    @Test func aKeyIsNotTakenForAnotherRefund() async throws {
        let bench = try await PaymentBench()
        let vendors = [VendorID(), VendorID()]
        let intent = try await bench.paid([700, 300], vendors: vendors)
        let first = try await bench.refund(
            .exactly(bench.money(100)), of: intent, key: "k", vendor: vendors[0])
        await #expect(throws: PaymentError.keyReused) {
            try await bench.refund(.exactly(bench.money(200)), of: intent, key: "k", vendor: vendors[0])
        }
        await #expect(throws: PaymentError.keyReused) {
            try await bench.refund(.exactly(bench.money(100)), of: intent, key: "k", vendor: vendors[1])
        }
        let again = try await bench.refund(
            .exactly(bench.money(100)), of: intent, key: "k", vendor: vendors[0])
        #expect(again.id == first.id)
        #expect(try await bench.core.refundStore.list(of: intent.id, in: bench.database).count == 1)
    }

    @Test func aRefundThatCannotBeBookedHoldsUpNoOther() async throws {
        let bench = try await PaymentBench()
        let broken = try await bench.paid([1_000])
        let stuck = try await bench.refund(.exactly(bench.money(500)), of: broken)
        // The books of this one can't take it: its commission is gone already.
        try await bench.database.execute(
            "UPDATE payment_shares SET commission_reversed = commission WHERE payment_id = \(broken.id)")
        let intent = try await bench.paid([1_000])
        for _ in 0..<60 { _ = try await bench.refund(.exactly(bench.money(10)), of: intent) }
        try await bench.core.refundWorker.run()
        #expect(try await bench.intent(intent.id).refunded == bench.money(600))
        #expect(try await bench.core.refundStore.find(stuck.id, in: bench.database)?.state == .pending)
        // Somebody mended it.
        try await bench.database.execute(
            "UPDATE payment_shares SET commission_reversed = 0 WHERE payment_id = \(broken.id)")
        bench.clock.advance(by: .seconds(2))
        try await bench.core.refundWorker.run()
        #expect(try await bench.intent(broken.id).refunded == bench.money(500))
        try await bench.checkBooks()
    }

    /// The provider made the refund and we died before we wrote that down.
    @Test func aLostAnswerDoesNotRefundTwice() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.paid()
        let refund = try await bench.refund(.exactly(bench.money(400)), of: intent)
        bench.provider.fail(.refund, afterEffect: true)
        try await bench.core.refundWorker.run()
        #expect(try await bench.core.refundStore.find(refund.id, in: bench.database)?.state == .pending)
        #expect(try await bench.published(PaymentRefunded.self).isEmpty)
        bench.clock.advance(by: .seconds(2))
        try await bench.core.refundWorker.run()
        #expect(bench.provider.calls(.refund) == 2)
        #expect(bench.provider.charges.values.flatMap(\.refunds.values) == [bench.money(400)])
        #expect(try await bench.published(PaymentRefunded.self).count == 1)
        #expect(try await bench.intent(intent.id).refunded == bench.money(400))
        try await bench.checkBooks()
    }

    @Test func aRefusedRefundFreesItsAmount() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.paid()
        let refund = try await bench.refund(.remaining, of: intent)
        bench.provider.fail(.refund, .refused(code: "account.closed", detail: "no"))
        try await bench.core.refundWorker.run()
        let failed = try #require(try await bench.core.refundStore.find(refund.id, in: bench.database))
        #expect(failed.state == .failed && failed.failure == "account.closed" && failed.completedAt != nil)
        #expect(try await bench.intent(intent.id).refundReserved == bench.money(0))
        _ = try await bench.refund(.remaining, of: intent)
        try await bench.core.refundWorker.run()
        #expect(try await bench.intent(intent.id).refunded == bench.money(1_000))
        try await bench.checkBooks()
    }

    @Test func vendorsBearWhatIsTheirs() async throws {
        let bench = try await PaymentBench()
        let vendors = [VendorID(), VendorID()]
        let intent = try await bench.paid([700, 300], vendors: vendors)
        _ = try await bench.refund(.exactly(bench.money(100)), of: intent, vendor: vendors[1])
        _ = try await bench.refund(.exactly(bench.money(90)), of: intent)
        try await bench.core.refundWorker.run()
        // 90 over 700 and 200 left: 70 and 20.
        let shares = try await bench.core.intents.shares(of: intent.id, in: bench.database)
        let refunded = Dictionary(uniqueKeysWithValues: shares.map { ($0.vendorID, $0.refunded.amount) })
        #expect(refunded == [vendors[0]: 70, vendors[1]: 120])
        await #expect(throws: PaymentError.exceedsRemaining(bench.money(180))) {
            try await bench.refund(.exactly(bench.money(181)), of: intent, vendor: vendors[1])
        }
        await #expect(throws: PaymentError.vendorNotInPayment) {
            try await bench.refund(.remaining, of: intent, vendor: VendorID())
        }
        let euros = Money(1, try #require(Currency("EUR")))
        await #expect(throws: PaymentError.self) { try await bench.refund(.exactly(euros), of: intent) }
        let open = try await bench.open()
        await #expect(throws: PaymentError.notCaptured) { try await bench.refund(.remaining, of: open) }
        try await bench.checkBooks()
    }

    @Test func aCancelledOrderGetsBackAllThatIsLeft() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.paid()
        _ = try await bench.refund(.exactly(bench.money(1)), of: intent)
        for _ in 0..<3 {
            try await bench.handle(OrderRefundRequired(orderId: intent.orderID, reason: "cancelled"))
        }
        try await bench.core.refundWorker.run()
        #expect(try await bench.intent(intent.id).refunded == bench.money(1_000))
        #expect(try await bench.core.refundStore.list(of: intent.id, in: bench.database).count == 2)
        try await bench.handle(OrderRefundRequired(orderId: intent.orderID, reason: "cancelled"))
        try await bench.checkBooks()
    }

    @Test func aRefundRequiredBeforeTheCaptureIsMadeAfterIt() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        try await bench.handle(OrderRefundRequired(orderId: intent.orderID, reason: "expired"))
        #expect(try await bench.core.refundStore.list(of: intent.id, in: bench.database).isEmpty)
        bench.provider.set(.captured, of: try #require(intent.reference))
        try await bench.deliver(.captured, of: intent)
        try await bench.core.refundWorker.run()
        #expect(try await bench.intent(intent.id).refunded == bench.money(1_000))
        let unknown = bench.request()
        try await bench.handle(OrderRefundRequired(orderId: unknown.orderID, reason: "expired"))
        await #expect(throws: PaymentKernelError.self) {
            try await bench.kernel.createIntent(unknown, bench.call)
        }
        try await bench.checkBooks()
    }

    @Test func aReturnIsRefundedOnceAndAtMostWhatIsLeftOfItsVendor() async throws {
        let bench = try await PaymentBench()
        let vendors = [VendorID(), VendorID()]
        let intent = try await bench.paid([700, 300], vendors: vendors)
        _ = try await bench.refund(.exactly(bench.money(50)), of: intent, vendor: vendors[1])
        func approved(_ amount: Int64, _ id: ReturnID = ReturnID()) -> ReturnApproved {
            ReturnApproved(
                returnId: id, vendorOrderId: VendorOrderID(), orderId: intent.orderID, number: "S-1",
                customerId: intent.customerID, vendorId: vendors[1], amount: bench.money(amount), lines: [],
                restocked: true)
        }
        let first = approved(100)
        for _ in 0..<2 { try await bench.handle(first) }
        try await bench.handle(approved(200))
        let third = approved(10)
        for _ in 0..<2 { try await bench.handle(third) }
        try await bench.handle(approved(0))
        try await bench.core.refundWorker.run()
        let events = try await bench.published(PaymentRefunded.self)
        #expect(Set(events.map(\.amount.amount)) == [50, 100, 150])
        #expect(events.contains { $0.returnId == first.returnId && $0.amount.amount == 100 })
        let refused = try await bench.core.refundStore.find(
            key: "return:\(third.returnId)", in: bench.database)
        #expect(refused?.state == .failed && refused?.failure == "nothing_left")
        #expect(try await bench.balances()["vendor:\(vendors[0])"] == 630)
        #expect(try await bench.balances()["vendor:\(vendors[1])"] == 0)
        try await bench.checkBooks()
    }
}
