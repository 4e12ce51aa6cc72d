import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukTesting
import Testing

@testable import SoukVendor

/// What one vendor can have stored.
@Suite struct VendorLimitTests {
    private static var limits: VendorLimits {
        var limits = VendorLimits()
        limits.stores = 2
        limits.skus = 3
        limits.stockChanges = 10
        return limits
    }

    private func refused(_ body: () async throws -> Void) async -> VendorError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? VendorError
        }
    }

    @Test func aVendorHasSoManyStores() async throws {
        let bench = try await VendorBench(limits: Self.limits)
        let (shop, other) = (try await bench.shop(), try await bench.shop())
        let outcomes = await withTaskGroup(of: VendorError?.self) { group in
            for _ in 0..<5 {
                group.addTask {
                    await refused {
                        _ = try await bench.useCases.storefronts.open(
                            name: "Another", slug: nil, description: nil, by: shop.owner)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == nil } == 1)
        #expect(outcomes.count { $0 == .tooManyStores(2) } == 4)
        #expect(VendorError.tooManyStores(2).kind == .unprocessable)
        let mine = await refused {
            _ = try await bench.useCases.storefronts.open(
                name: "Mine", slug: nil, description: nil, by: other.owner)
        }
        #expect(mine == nil)
    }

    @Test func aStoreListsSoManySKUs() async throws {
        let bench = try await VendorBench(limits: Self.limits)
        let shop = try await bench.shop(["a": 1, "b": 1])
        let before = try await bench.contents()
        #expect(await refused { try await bench.count(["c": 1, "d": 1], in: shop) } == .tooManySKUs(3))
        #expect(try await bench.contents() == before)
        try await bench.count(["a": 2, "c": 1], in: shop)
        #expect(await refused { try await bench.count(["a": 3, "d": 1], in: shop) } == .tooManySKUs(3))
    }

    @Test func aStoreIsChangedByHandSoOftenADay() async throws {
        let bench = try await VendorBench(limits: Self.limits)
        let shop = try await bench.shop(["a": 1, "b": 1, "c": 1])
        // The same numbers again are no changes.
        for _ in 0..<5 { try await bench.count(["a": 1, "b": 1, "c": 1], in: shop) }
        for onHand in 2...3 { try await bench.count(["a": onHand, "b": onHand, "c": onHand], in: shop) }
        try await bench.adjust(1, of: "a", in: shop)
        let before = try await bench.contents()
        for attempt in [0, 1] {
            let error = await refused {
                if attempt == 0 {
                    try await bench.count(["a": 9], in: shop)
                } else {
                    try await bench.adjust(1, of: "a", in: shop)
                }
            }
            guard case .tooManyStockChanges(10, let wait) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(wait > .zero && wait <= .seconds(86_400))
            #expect(error?.retryAfter == wait && error?.kind == .rateLimited)
        }
        #expect(try await bench.contents() == before)
        bench.clock.advance(by: .seconds(86_400))
        try await bench.count(["a": 9], in: shop)
        try await bench.checkBooks()
    }
}
