import SoukDatabase
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTesting
import Testing

@testable import SoukPayment

@Suite struct ReconcilerTests {
    @Test func aLostWebhookIsFound() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        bench.provider.set(.captured, of: try #require(intent.reference))
        try await bench.core.reconciler.run()
        // Webhooks are given time first.
        #expect(bench.provider.calls(.lookup) == 0)
        bench.clock.advance(by: .seconds(31))
        try await bench.core.reconciler.run()
        #expect(try await bench.intent(intent.id).state == .captured)
        #expect(try await bench.published(PaymentSucceeded.self).count == 1)
        try await bench.core.reconciler.run()
        #expect(bench.provider.calls(.lookup) == 1)
        try await bench.checkBooks()
    }

    @Test func theProviderIsAskedEverMoreRarely() async throws {
        let bench = try await PaymentBench()
        _ = try await bench.open()
        for _ in 0..<880 {
            bench.clock.advance(by: .seconds(1))
            try await bench.core.reconciler.run()
        }
        #expect((4...7).contains(bench.provider.calls(.lookup)), "\(bench.provider.calls(.lookup))")
    }

    @Test func whatNobodyPaysInTimeFails() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        bench.provider.fail(.cancel)
        bench.clock.advance(by: .seconds(901))
        try await bench.core.reconciler.run()
        #expect(try await bench.intent(intent.id).state == .pending)
        bench.clock.advance(by: .seconds(600))
        for _ in 0..<2 { try await bench.core.reconciler.run() }
        #expect(try await bench.intent(intent.id).state == .failed)
        #expect(try await bench.published(PaymentFailed.self).map(\.reason) == ["expired"])
        #expect(bench.provider.charges.values.allSatisfy { $0.status == .cancelled })
    }

    @Test func aPaymentInTheLastMomentCounts() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        bench.provider.set(.captured, of: try #require(intent.reference))
        bench.clock.advance(by: .seconds(901))
        try await bench.core.reconciler.run()
        #expect(try await bench.intent(intent.id).state == .captured)
        #expect(try await bench.published(PaymentFailed.self).isEmpty)
        try await bench.checkBooks()
    }

    @Test func anIntentWithoutAChargeExpiresToo() async throws {
        let bench = try await PaymentBench()
        let request = bench.request()
        bench.provider.fail(.create)
        _ = try? await bench.kernel.createIntent(request, bench.call)
        bench.clock.advance(by: .seconds(901))
        try await bench.core.reconciler.run()
        let intent = try #require(
            try await bench.core.intents.find(order: request.orderID, in: bench.database))
        #expect(intent.state == .failed && intent.failureReason == "expired")
    }

    @Test func manyAreLookedAtInOneRun() async throws {
        let bench = try await PaymentBench()
        for _ in 0..<120 {
            let intent = try await bench.open([10])
            bench.provider.set(.captured, of: try #require(intent.reference))
        }
        bench.clock.advance(by: .seconds(31))
        try await bench.core.reconciler.run()
        #expect(try await bench.published(PaymentSucceeded.self).count == 120)
        try await bench.checkBooks()
    }

    @Test func anIntentThatCannotBeBookedHoldsUpNoOther() async throws {
        let bench = try await PaymentBench()
        let broken = try await bench.open()
        bench.provider.set(.captured, of: try #require(broken.reference))
        // Without shares its capture can't balance.
        try await bench.database.execute("DELETE FROM payment_shares WHERE payment_id = \(broken.id)")
        bench.clock.advance(by: .seconds(1))
        for _ in 0..<60 {
            let intent = try await bench.open([10])
            bench.provider.set(.captured, of: try #require(intent.reference))
        }
        bench.clock.advance(by: .seconds(31))
        try await bench.core.reconciler.run()
        #expect(try await bench.published(PaymentSucceeded.self).count == 60)
        #expect(try await bench.intent(broken.id).state == .pending)
    }

    @Test func anOrphanIsAdoptedWhenItsChargeIsKnown() async throws {
        let bench = try await PaymentBench()
        let request = bench.request()
        bench.provider.fail(.create, afterEffect: true)
        _ = try? await bench.kernel.createIntent(request, bench.call)
        let made = try #require(try await bench.core.intents.find(order: request.orderID, in: bench.database))
        let reference = "fake-\(made.id)"
        bench.provider.set(.captured, of: reference)
        // It doesn't say which payment it is about.
        let webhook = FakeWebhook(id: "evt", kind: .captured, reference: reference, amount: made.amount)
        #expect(try await bench.deliver(webhook) == .processed(.orphan))
        _ = try await bench.kernel.createIntent(request, bench.call)
        bench.clock.advance(by: .seconds(31))
        try await bench.core.reconciler.run()
        #expect(try await bench.intent(made.id).state == .captured)
        #expect(try await outcome("evt", bench) == "applied")
        try await bench.checkBooks()
    }

    @Test func anOrphanOfNobodyIsGivenUpAndKept() async throws {
        let bench = try await PaymentBench()
        try await bench.deliver(
            FakeWebhook(id: "evt", kind: .captured, reference: "unknown", amount: bench.money(5)))
        for _ in 0..<20 {
            bench.clock.advance(by: .seconds(601))
            try await bench.core.reconciler.run()
        }
        #expect(try await outcome("evt", bench) == "orphan")
        #expect(
            try await bench.database.scalar("SELECT next_check_at FROM webhook_events", as: Int64.self) == nil
        )
    }

    private func outcome(_ id: String, _ bench: PaymentBench) async throws -> String? {
        try await bench.database.scalar("SELECT outcome FROM webhook_events WHERE event_id = \(id)")
    }
}
