import SoukCache
import SoukTesting
import SoukTime
import Testing

@Suite struct MemoryCacheTests {
    @Test(arguments: CacheContract.allCases)
    func contract(_ testCase: CacheContract.Case) async throws {
        let clock = ManualClock()
        let fixture = CacheContract.Fixture(
            open: { MemoryCache(capacity: 1_000, clock: clock) }, elapse: { clock.advance(by: $0) })
        try await testCase.run(on: fixture)
    }

    @Test func theLeastRecentlyUsedMakeRoom() async throws {
        let cache = MemoryCache(capacity: 3, clock: ManualClock())
        for key in ["a", "b", "c"] { try await set(key, in: cache) }
        _ = try await cache.get("a")
        try await set("d", in: cache)
        #expect(try await cache.get("b") == nil)
        for key in ["a", "c", "d"] { #expect(try await cache.get(key) != nil, "\(key)") }
        #expect(cache.count == 3)
    }

    @Test func bytesAreBounded() async throws {
        let cache = MemoryCache(capacity: 1_000, maxBytes: 10_000, clock: ManualClock())
        for number in 0..<100 { try await set("k\(number)", size: 1_000, in: cache) }
        #expect(cache.bytes <= 10_000 && cache.count > 5)
        try await set("k99", size: 20_000, in: cache)
        #expect(try await cache.get("k99") == nil, "what it would have replaced is gone")
        #expect(try await cache.get("k98") != nil)
    }

    @Test func rateLimitsAreBoundedToo() async throws {
        let cache = MemoryCache(capacity: 100, clock: ManualClock())
        let limit = RateLimit(quota: 2, window: .seconds(10))
        for client in 0..<10_000 { #expect(cache.decide("\(client)", limit).isAllowed) }
        #expect(cache.count <= 100)
    }

    @Test func neverMoreThanQuotaPlusRefillInAnyWindow() {
        var random = SystemRandomNumberGenerator()
        let clock = ManualClock()
        let cache = MemoryCache(capacity: 10, clock: clock)
        let limit = RateLimit(quota: 20, window: .seconds(10))
        var admitted: [Timestamp] = []
        for _ in 0..<5_000 {
            clock.advance(by: .milliseconds(Int.random(in: 0...400, using: &random)))
            if cache.decide("a", limit).isAllowed { admitted.append(clock.now()) }
        }
        for (index, first) in admitted.enumerated() {
            #expect(admitted[index...].prefix { $0 - first < .seconds(10) }.count <= 40)
        }
    }

    @Test func aClockSetBackShutsNobodyOut() {
        let limit = RateLimit(quota: 2, window: .seconds(10))
        let later = limit.decide(fullAt: .seconds(4_000), at: .zero)
        #expect(!later.0.isAllowed && later.0.retryAfter <= .seconds(10))
    }

    @Test func whatWasStoredLaterIsGoneWhenTheClockIsSetBack() {
        var store = ExpiringStore<Int>(capacity: 2)
        let now = Timestamp(microseconds: 1_000_000_000_000)
        store.set("a", 1, at: now, until: now + .seconds(2))
        #expect(store.entry("a", at: now - .milliseconds(500))?.value == 1)
        #expect(store.entry("a", at: now - .seconds(3_600)) == nil)
    }

    @Test func aStoreKeepsItsOrderThroughEverything() {
        var random = SystemRandomNumberGenerator()
        var store = ExpiringStore<Int>(capacity: 8, maxCost: 40)
        var order: [(key: String, cost: Int)] = []
        let now = Timestamp(microseconds: 0), end = now + .seconds(1)
        for step in 0..<20_000 {
            let key = "\(Int.random(in: 0..<12, using: &random))"
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let cost = Int.random(in: 1...12, using: &random)
                store.set(key, step, cost: cost, at: now, until: end)
                order.removeAll { $0.key == key }
                while order.count >= 8 || order.map(\.cost).reduce(0, +) + cost > 40 { order.removeFirst() }
                order.append((key, cost))
            case 2:
                let found = store.entry(key, at: now) != nil
                let index = order.firstIndex { $0.key == key }
                #expect(found == (index != nil))
                if let index { order.append(order.remove(at: index)) }
            default:
                #expect(store.remove(key, at: now) == order.contains { $0.key == key })
                order.removeAll { $0.key == key }
            }
            #expect(store.count == order.count && store.cost == order.map(\.cost).reduce(0, +))
        }
    }

    private func set(_ key: String, size: Int = 10, in cache: MemoryCache) async throws {
        try await cache.set(
            key, [UInt8](repeating: 1, count: size), timeToLive: .seconds(60), condition: .always)
    }
}
