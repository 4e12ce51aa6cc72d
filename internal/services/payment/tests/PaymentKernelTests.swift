import SoukCallContext
import SoukIDs
import SoukIdentifiers
import SoukPaymentKernel
import SoukPaymentRPC
import SoukRPCRuntime
import SoukRPCTesting
import SoukTesting
import SoukTime
import Testing

@testable import SoukPayment

/// What a ``PaymentKernel`` promises, on every route that leads to it.
@Suite struct PaymentKernelTests {
    private static func run(
        _ route: KernelRoute, _ body: (PaymentBench, any PaymentKernel) async throws -> Void
    ) async throws {
        let bench = try await PaymentBench()
        try await route.run(
            local: bench.kernel,
            RPCService(PaymentKernelService(kernel: bench.kernel), access: .services(["order"])),
            of: "payment", as: "order",
            inProcess: { RemotePaymentKernel($0) }, socket: { RemotePaymentKernel($0) }
        ) { try await body(bench, $0) }
    }

    private static func failure(_ body: () async throws -> Void) async throws -> PaymentKernelError {
        do {
            try await body()
        } catch let error as PaymentKernelError {
            return error
        }
        throw NoFailure()
    }
    private struct NoFailure: Error {}

    @Test(arguments: KernelRoute.allCases)
    func anOrderHasOneIntentHoweverManyAsk(route: KernelRoute) async throws {
        try await Self.run(route) { (bench, kernel) async throws in
            let request = bench.request()
            let call = bench.call
            let intents = try await withThrowingTaskGroup(of: PaymentIntent.self) { group in
                for _ in 0..<50 { group.addTask { try await kernel.createIntent(request, call) } }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            let intent = try #require(intents.first)
            #expect(intents.count == 1 && bench.provider.charges.count == 1)
            #expect(intent.amount == request.amount && intent.customerID == request.customerID)
            #expect(intent.state == .pending && intent.payURL != nil && intent.capturedAt == nil)
            #expect(
                try await kernel.intents(of: [OrderID(), request.orderID], call) == [request.orderID: intent])
            #expect(try await kernel.intents(of: [], call).isEmpty)
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func cancellingIsRepeatableAndFinal(route: KernelRoute) async throws {
        try await Self.run(route) { (bench, kernel) async throws in
            let intent = try await bench.open()
            for _ in 0..<2 {
                let cancelled = try await kernel.cancelIntent(intent.orderID, bench.call)
                #expect(cancelled?.state == .cancelled && cancelled?.payURL == nil)
            }
            let early = bench.request()
            for _ in 0..<2 { #expect(try await kernel.cancelIntent(early.orderID, bench.call) == nil) }
            guard
                case .orderCancelled(early.orderID) = try await Self.failure({
                    _ = try await kernel.createIntent(early, bench.call)
                })
            else {
                Issue.record("a cancelled order got an intent")
                return
            }
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func everyRefusalArrivesWithWhatItCarries(route: KernelRoute) async throws {
        try await Self.run(route) { (bench, kernel) async throws in
            let request = bench.request([700, 300])
            _ = try await kernel.createIntent(request, bench.call)
            guard
                case .intentMismatch(request.orderID) = try await Self.failure({
                    _ = try await kernel.createIntent(
                        bench.request([700, 301], order: request.orderID), bench.call)
                })
            else {
                Issue.record("another amount was taken")
                return
            }
            bench.provider.fail(.create, .refused(code: "card.unsupported", detail: "no such card"))
            let refusal = try await Self.failure {
                _ = try await kernel.createIntent(bench.request(), bench.call)
            }
            guard case .providerRefused(let detail) = refusal else {
                Issue.record("\(refusal)")
                return
            }
            #expect(detail.contains("card.unsupported"))
            // As often as a remote call is tried.
            for _ in 0..<3 { bench.provider.fail(.create) }
            guard
                case .unavailable = try await Self.failure({
                    _ = try await kernel.createIntent(bench.request(), bench.call)
                })
            else {
                Issue.record("the failing provider was hidden")
                return
            }
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func capturedIntentsAreListedFromAMomentOn(route: KernelRoute) async throws {
        try await Self.run(route) { (bench, kernel) async throws in
            let first = try await bench.paid()
            bench.clock.advance(by: .seconds(1))
            let second = try await bench.paid()
            let since = bench.clock.now()
            let all = try await kernel.captured(since: Timestamp(microseconds: 0), limit: 10, bench.call)
            #expect(all.map(\.id) == [first.id, second.id] && all.allSatisfy { $0.state == .captured })
            #expect(all.last?.capturedAt == since)
            #expect(try await kernel.captured(since: since, limit: 10, bench.call).map(\.id) == [second.id])
            #expect(
                try await kernel.captured(since: Timestamp(microseconds: 0), limit: 0, bench.call).map(\.id)
                    == [first.id])
            #expect(try await kernel.captured(since: .max, limit: 5_000, bench.call).isEmpty)
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func batchesAndTimeAreBounded(route: KernelRoute) async throws {
        try await Self.run(route) { (bench, kernel) async throws in
            let orders = (0..<1_000).map { _ in OrderID() }
            #expect(try await kernel.intents(of: orders, bench.call).isEmpty)
            await #expect(throws: PaymentKernelError.self) {
                try await kernel.intents(of: orders + [OrderID()], bench.call)
            }
            let late = CallContext(requestID: "late", deadline: .now - .seconds(1))
            await #expect(throws: PaymentKernelError.self) { try await kernel.intents(of: [orders[0]], late) }
            await #expect(throws: PaymentKernelError.self) {
                try await kernel.createIntent(bench.request(), late)
            }
            await #expect(throws: PaymentKernelError.self) { try await kernel.cancelIntent(orders[0], late) }
            #expect(bench.provider.charges.isEmpty)
        }
    }
}
