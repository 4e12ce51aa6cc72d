import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTesting
import SoukTime
import Testing

@testable import SoukPayment

@Suite struct KernelTests {
    @Test func oneIntentPerOrderHoweverManyAsk() async throws {
        let bench = try await PaymentBench()
        let request = bench.request()
        let intents = try await withThrowingTaskGroup(of: PaymentIntent.self) { group in
            for _ in 0..<100 { group.addTask { try await bench.kernel.createIntent(request, bench.call) } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        let intent = try #require(intents.first)
        #expect(intents.count == 1 && bench.provider.charges.count == 1)
        #expect(intent.state == .pending && intent.amount == request.amount && intent.payURL != nil)
        let known = try await bench.kernel.intents(of: [request.orderID, OrderID()], bench.call)
        #expect(known == [request.orderID: intent])
        #expect(try await bench.kernel.intents(of: [], bench.call).isEmpty)
    }

    @Test func anotherRequestForTheOrderIsRefused() async throws {
        let bench = try await PaymentBench()
        let request = bench.request([700, 300])
        _ = try await bench.kernel.createIntent(request, bench.call)
        let others = [
            bench.request([700, 301], order: request.orderID, vendors: request.shares.map(\.vendorID)),
            bench.request([600, 400], order: request.orderID, vendors: request.shares.map(\.vendorID)),
            bench.request([700, 300], order: request.orderID),
        ]
        for other in others {
            await #expect(throws: PaymentKernelError.self) {
                try await bench.kernel.createIntent(other, bench.call)
            }
        }
    }

    @Test func sharesMustSumToTheAmount() async throws {
        let bench = try await PaymentBench()
        let good = bench.request()
        let vendor = VendorID()
        let broken: [(Int64, [IntentRequest.Share])] = [
            (1_000, []), (999, good.shares), (0, [.init(vendorID: vendor, gross: bench.money(0))]),
            (
                0,
                [
                    .init(vendorID: vendor, gross: bench.money(5)),
                    .init(vendorID: VendorID(), gross: bench.money(-5)),
                ]
            ),
            (
                2,
                [
                    .init(vendorID: vendor, gross: bench.money(1)),
                    .init(vendorID: vendor, gross: bench.money(1)),
                ]
            ),
        ]
        for (amount, shares) in broken {
            let request = IntentRequest(
                orderID: OrderID(), customerID: UserID(), amount: bench.money(amount), shares: shares,
                expiresAt: good.expiresAt)
            await #expect(throws: PaymentKernelError.self) {
                try await bench.kernel.createIntent(request, bench.call)
            }
        }
        #expect(bench.provider.charges.isEmpty)
    }

    @Test func aLostAnswerOfTheProviderIsAskedForAgain() async throws {
        let bench = try await PaymentBench()
        let request = bench.request()
        bench.provider.fail(.create, afterEffect: true)
        await #expect {
            try await bench.kernel.createIntent(request, bench.call)
        } throws: {
            guard case PaymentKernelError.unavailable = $0 else { return false }
            return true
        }
        let intent = try await bench.kernel.createIntent(request, bench.call)
        #expect(intent.payURL != nil && bench.provider.charges.count == 1)
    }

    @Test func aRefusalIsRememberedAndNotAnnounced() async throws {
        let bench = try await PaymentBench()
        let request = bench.request()
        bench.provider.fail(.create, .refused(code: "card.unsupported", detail: "no"))
        for _ in 0..<2 {
            await #expect {
                try await bench.kernel.createIntent(request, bench.call)
            } throws: {
                guard case PaymentKernelError.providerRefused = $0 else { return false }
                return true
            }
        }
        #expect(bench.provider.calls(.create) == 1)
        #expect(try await bench.published(PaymentFailed.self).isEmpty)
        #expect(try await bench.kernel.cancelIntent(request.orderID, bench.call)?.state == .failed)
    }

    @Test func anOrderCancelledBeforeItsIntentNeverGetsOne() async throws {
        let bench = try await PaymentBench()
        let request = bench.request()
        for _ in 0..<2 { #expect(try await bench.kernel.cancelIntent(request.orderID, bench.call) == nil) }
        await #expect {
            try await bench.kernel.createIntent(request, bench.call)
        } throws: {
            guard case PaymentKernelError.orderCancelled(request.orderID) = $0 else { return false }
            return true
        }
    }

    @Test func cancellingEndsTheChargeAndIsNotAnnounced() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        for _ in 0..<2 {
            let cancelled = try await bench.kernel.cancelIntent(intent.orderID, bench.call)
            #expect(cancelled?.state == .cancelled && cancelled?.payURL == nil)
        }
        #expect(bench.provider.charges.values.allSatisfy { $0.status == .cancelled })
        #expect(try await bench.published(PaymentFailed.self).isEmpty)
        #expect(try await bench.deliver(.cancelled, of: intent) == .processed(.ignored))
    }

    @Test func aPaymentThatWasQuickerWins() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        bench.provider.set(.captured, of: try #require(intent.reference))
        // Its webhook hasn't come yet.
        let answer = try await bench.kernel.cancelIntent(intent.orderID, bench.call)
        #expect(answer?.state == .captured && answer?.capturedAt == bench.clock.now())
        #expect(try await bench.deliver(.captured, of: intent) == .processed(.ignored))
        #expect(try await bench.published(PaymentSucceeded.self).count == 1)
        let since = bench.clock.now()
        let captured = try await bench.kernel.captured(since: since, limit: 10, bench.call)
        #expect(captured.map(\.id) == [intent.id])
        #expect(
            try await bench.kernel.captured(since: since + .microseconds(1), limit: 10, bench.call).isEmpty)
        try await bench.checkBooks()
    }

    @Test func aCancellationWithoutAnswerChangesNothing() async throws {
        let bench = try await PaymentBench()
        let intent = try await bench.open()
        bench.provider.fail(.cancel)
        await #expect(throws: PaymentKernelError.self) {
            try await bench.kernel.cancelIntent(intent.orderID, bench.call)
        }
        #expect(try await bench.intent(intent.id).state == .pending)
    }

    @Test func cancelAndCaptureRaceToOneOutcome() async throws {
        let bench = try await PaymentBench()
        for round in 0..<30 {
            let intent = try await bench.open()
            let reference = try #require(intent.reference)
            async let webhook: Void = {
                // The provider decides which came first; only a charge that was paid sends the webhook.
                if round.isMultiple(of: 2) { await Task.yield() }
                guard bench.provider.charges[reference]?.status == .pending else { return }
                bench.provider.set(.captured, of: reference)
                try await bench.deliver(.captured, of: intent)
            }()
            async let cancelled = bench.kernel.cancelIntent(intent.orderID, bench.call)
            _ = try await (webhook, cancelled)
            let state = try await bench.intent(intent.id).state
            #expect(state.rawValue == bench.provider.charges[reference]?.status.rawValue)
        }
        try await bench.checkBooks()
    }

    @Test func manualCaptureTakesWhatWasAuthorized() async throws {
        let bench = try await PaymentBench { $0.capture = .manual }
        let intent = try await bench.open()
        await #expect(throws: PaymentError.notAuthorized) { try await bench.core.workflow.capture(intent.id) }
        bench.provider.set(.authorized, of: try #require(intent.reference))
        try await bench.deliver(.authorized, of: intent)
        #expect(try await bench.intent(intent.id).state == .authorized)
        bench.provider.fail(.capture, afterEffect: true)
        await #expect(throws: ProviderError.self) { try await bench.core.workflow.capture(intent.id) }
        for _ in 0..<2 { #expect(try await bench.core.workflow.capture(intent.id).state == .captured) }
        #expect(try await bench.published(PaymentSucceeded.self).count == 1)
        try await bench.checkBooks()
    }
}
