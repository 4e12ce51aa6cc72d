import SoukCache
import SoukTesting
import Testing

@testable import SoukGateway

@Suite struct RateLimiterTests {
    let clock = ManualClock()
    let limit = RateLimit(quota: 10, window: .seconds(10))

    @Test func gatewaysThatShareACacheCountTogether() async {
        let shared = MemoryCache(capacity: 100, clock: clock)
        let one = RateLimiter(limit, cache: shared, clock: clock)
        let two = RateLimiter(limit, cache: shared, clock: clock)
        for _ in 0..<5 {
            #expect(await one.admit("a").isAllowed)
            #expect(await two.admit("a").isAllowed)
        }
        #expect(await !one.admit("a").isAllowed)
        #expect(await !two.admit("a").isAllowed)
        #expect(await two.admit("b").isAllowed)
    }

    @Test func withoutTheCacheEachStillLimits() async {
        let shared = MemoryCache(capacity: 100, clock: clock)
        await shared.close()
        let limiter = RateLimiter(limit, cache: shared, clock: clock)
        for left in (0..<10).reversed() { #expect(await limiter.admit("a").remaining == left) }
        let refused = await limiter.admit("a")
        #expect(!refused.isAllowed && refused.retryAfter == .seconds(1))
        clock.advance(by: .seconds(1))
        #expect(await limiter.admit("a").isAllowed)
    }
}
