import SoukCallContext
import SoukErrors
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukRPCRuntime
import SoukRPCTesting
import SoukTesting
import SoukVendorKernel
import SoukVendorRPC
import Testing

@testable import SoukVendor

/// What a ``VendorKernel`` promises, on every route that leads to it.
@Suite struct VendorKernelTests {
    private static func run(
        _ route: KernelRoute, as caller: String = "order",
        _ body: (VendorBench, any VendorKernel) async throws -> Void
    ) async throws {
        let bench = try await VendorBench()
        try await route.run(
            local: bench.kernel,
            RPCService(VendorKernelService(kernel: bench.kernel), access: .services(["order"])),
            of: "vendor", as: caller,
            inProcess: { RemoteVendorKernel($0) }, socket: { RemoteVendorKernel($0) }
        ) { try await body(bench, $0) }
    }

    private static func request(
        _ lines: [(VendorBench.Shop, String, Int)], for order: OrderID = OrderID(),
        hold: Duration = .seconds(60), holder: String = "somebody"
    ) -> ReservationRequest {
        ReservationRequest(
            orderID: order, holder: holder,
            lines: lines.map { .init(storeID: $0.0.store, sku: $0.1, quantity: $0.2) }, holdFor: hold,
            holdLargeFor: hold)
    }

    private static func failure(_ body: () async throws -> Void) async throws -> VendorKernelError {
        do {
            try await body()
        } catch let error as VendorKernelError {
            return error
        }
        throw NoFailure()
    }
    private struct NoFailure: Error {}

    @Test(arguments: KernelRoute.allCases)
    func unknownVendorsAreLeftOut(route: KernelRoute) async throws {
        try await Self.run(route) { bench, kernel in
            let shop = try await bench.shop(["a": 3, "b": 0])
            let summary = VendorSummary(id: shop.vendor, ownerID: shop.owner, name: "Vendor", status: .active)
            #expect(
                try await kernel.vendors([shop.vendor, VendorID()], bench.call) == [shop.vendor: summary])
            #expect(
                try await kernel.vendors(ownedBy: [UserID(), shop.owner], bench.call) == [shop.owner: summary]
            )
            #expect(try await kernel.vendors([], bench.call).isEmpty)
            #expect(try await kernel.vendors(ownedBy: [], bench.call).isEmpty)
            #expect(try await kernel.offers([], bench.call).isEmpty)
            let skus = ["a", "b", "none"].map { VendorSKU(vendorID: shop.vendor, sku: $0) }
            let offers = try await kernel.offers(
                skus + [VendorSKU(vendorID: VendorID(), sku: "a")], bench.call)
            #expect(offers.map(\.sku) == ["a", "b"] && offers.map(\.available) == [3, 0])
            #expect(offers.allSatisfy { $0.storeID == shop.store && $0.storeName == "Store" })
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func batchesAreBounded(route: KernelRoute) async throws {
        try await Self.run(route) { bench, kernel in
            let shop = try await bench.shop()
            let most = [shop.vendor] + (1..<1_000).map { _ in VendorID() }
            #expect(try await kernel.vendors(most, bench.call).count == 1)
            let calls: [() async throws -> Void] = [
                { _ = try await kernel.vendors(most + [VendorID()], bench.call) },
                { _ = try await kernel.vendors(ownedBy: (0...1_000).map { _ in UserID() }, bench.call) },
                {
                    _ = try await kernel.offers(
                        (0...1_000).map { VendorSKU(vendorID: shop.vendor, sku: "\($0)") }, bench.call)
                },
                { _ = try await kernel.reserve(Self.request([]), bench.call) },
                { _ = try await kernel.reserve(Self.request([(shop, "a", 0)]), bench.call) },
            ]
            for call in calls {
                guard case .unavailable = try await Self.failure(call) else {
                    Issue.record("a batch of that size was taken")
                    continue
                }
            }
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func repeatedCallsGiveTheSameAnswer(route: KernelRoute) async throws {
        try await Self.run(route) { bench, kernel in
            let shop = try await bench.shop(["a": 5])
            let request = Self.request([(shop, "a", 2)])
            let reservation = try await kernel.reserve(request, bench.call)
            #expect(reservation.orderID == request.orderID)
            #expect(try await kernel.reserve(request, bench.call) == reservation)
            #expect(try await bench.item("a", in: shop).reserved == 2)
            for _ in 0..<2 { try await kernel.release(request.orderID, bench.call) }
            #expect(try await bench.item("a", in: shop).reserved == 0)
            try await kernel.release(OrderID(), bench.call)

            let sold = try await bench.sell([(shop, "a", 1)])
            for _ in 0..<2 { try await kernel.cancelFulfilment(sold.orderId, bench.call) }
            #expect(try await bench.item("a", in: shop).available == 5)
            // One whose payment has not arrived yet is remembered.
            let unpaid = OrderID()
            try await kernel.cancelFulfilment(unpaid, bench.call)
            guard
                case .reservationEnded(unpaid) = try await Self.failure({
                    _ = try await kernel.reserve(Self.request([(shop, "a", 1)], for: unpaid), bench.call)
                })
            else {
                Issue.record("a cancelled order was reserved")
                return
            }
            try await bench.checkBooks()
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func aHolderIsKnownOnEveryRoute(route: KernelRoute) async throws {
        try await Self.run(route) { bench, kernel in
            let shop = try await bench.shop(["a": 100])
            #expect(try await !kernel.reserve(Self.request([(shop, "a", 50)]), bench.call).isLarge)
            for _ in 0..<3 {
                let large = Self.request([(shop, "a", 1)])
                #expect(try await kernel.reserve(large, bench.call).isLarge)
                try await kernel.release(large.orderID, bench.call)
            }
            let refused = try await Self.failure {
                _ = try await kernel.reserve(Self.request([(shop, "a", 1)]), bench.call)
            }
            guard case .holdTooLarge(let lines) = refused else {
                Issue.record("\(refused)")
                return
            }
            #expect(lines == [.init(storeID: shop.store, sku: "a", requested: 1, available: 0)])
            let other = Self.request([(shop, "a", 50)], holder: "somebody else")
            #expect(try await !kernel.reserve(other, bench.call).isLarge)
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func everyRefusalArrivesWithWhatItCarries(route: KernelRoute) async throws {
        try await Self.run(route) { bench, kernel in
            let shop = try await bench.shop(["a": 5, "b": 1])
            let other = try await bench.shop(["c": 0])
            let short = try await Self.failure {
                _ = try await kernel.reserve(
                    Self.request([(shop, "a", 5), (shop, "b", 2), (other, "c", 1)]), bench.call)
            }
            guard case .insufficientStock(let shortages) = short else {
                Issue.record("\(short)")
                return
            }
            #expect(
                Set(shortages) == [
                    .init(storeID: shop.store, sku: "b", requested: 2, available: 1),
                    .init(storeID: other.store, sku: "c", requested: 1, available: 0),
                ])
            #expect(short.fieldErrors.count == 2)

            let nowhere = VendorBench.Shop(owner: UserID(), vendor: VendorID(), store: StoreID())
            guard
                case .storeClosed(nowhere.store) = try await Self.failure({
                    _ = try await kernel.reserve(Self.request([(nowhere, "a", 1)]), bench.call)
                })
            else {
                Issue.record("a store that there isn't sold something")
                return
            }
            let sold = try await bench.sell([(shop, "a", 1)])
            guard
                case .reservationEnded(sold.orderId) = try await Self.failure({
                    try await kernel.release(sold.orderId, bench.call)
                })
            else {
                Issue.record("what was sold was released")
                return
            }
            let part = try #require(try await bench.parts(of: sold.orderId).first)
            _ = try await bench.useCases.fulfilment.accept(part.id, by: shop.owner)
            _ = try await bench.useCases.fulfilment.ship(
                Fulfilment.Parcel(carrier: "Post", trackingNumber: nil, lines: nil), of: part.id,
                by: shop.owner,
                key: "1")
            guard
                case .alreadyShipped(sold.orderId) = try await Self.failure({
                    try await kernel.cancelFulfilment(sold.orderId, bench.call)
                })
            else {
                Issue.record("what was shipped was cancelled")
                return
            }
        }
    }

    /// More than any message or trailer would hold if it named them.
    @Test(arguments: KernelRoute.allCases)
    func aThousandShortLinesAllArrive(route: KernelRoute) async throws {
        try await Self.run(route) { bench, kernel in
            let shop = try await bench.shop(["a": 5])
            let pad = String(repeating: "x", count: 58)
            let request = Self.request((0..<1_000).map { (shop, "\(pad)\($0)", 70_000) })
            // However busy the machine is: what it takes is not the question.
            let call = CallContext(requestID: "test", deadline: .now + .seconds(60))
            let error = try await Self.failure { _ = try await kernel.reserve(request, call) }
            guard case .insufficientStock(let shortages) = error else {
                Issue.record("\(error.code)")
                return
            }
            #expect(
                Set(shortages)
                    == Set(
                        request.lines.map {
                            .init(storeID: $0.storeID, sku: $0.sku, requested: 70_000, available: 0)
                        }))
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func aPastDeadlineAndACancelledCallGetNoAnswer(route: KernelRoute) async throws {
        try await Self.run(route) { bench, kernel in
            let shop = try await bench.shop(["a": 5])
            let late = CallContext(requestID: "late", deadline: .now - .seconds(1))
            let calls: [() async throws -> Void] = [
                { _ = try await kernel.vendors([shop.vendor], late) },
                { _ = try await kernel.vendors(ownedBy: [shop.owner], late) },
                { _ = try await kernel.reserve(Self.request([(shop, "a", 1)]), late) },
                { try await kernel.release(OrderID(), late) },
                { try await kernel.cancelFulfilment(OrderID(), late) },
            ]
            for call in calls {
                guard case .unavailable = try await Self.failure(call) else {
                    Issue.record("a late call was answered")
                    continue
                }
            }
            let call = bench.call
            let cancelled = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await kernel.reserve(Self.request([(shop, "a", 1)]), call)
            }
            guard case .unavailable = try await Self.failure({ _ = try await cancelled.value }) else {
                Issue.record("a cancelled call was answered")
                return
            }
            #expect(try await bench.item("a", in: shop).reserved == 0)
        }
    }

    @Test(arguments: KernelRoute.allCases)
    func theLastUnitsGoToAsManyBuyers(route: KernelRoute) async throws {
        try await Self.run(route) { bench, kernel in
            let shop = try await bench.shop(["last": 7])
            let call = bench.call
            let outcomes = await withTaskGroup(of: Bool?.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        do {
                            _ = try await kernel.reserve(Self.request([(shop, "last", 1)]), call)
                            return true
                        } catch VendorKernelError.insufficientStock {
                            return false
                        } catch {
                            Issue.record("\(error)")
                            return nil
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.filter { $0 == true }.count == 7)
            #expect(outcomes.filter { $0 == false }.count == 93)
            try await bench.checkBooks()
        }
    }

    @Test(arguments: [KernelRoute.inProcess, .socket])
    func onlyPeersMayCall(route: KernelRoute) async throws {
        try await Self.run(route, as: "gateway") { bench, kernel in
            let error = try await Self.failure { _ = try await kernel.vendors([VendorID()], bench.call) }
            #expect(error.detail?.contains("rpc.caller_not_allowed") == true)
        }
    }
}
