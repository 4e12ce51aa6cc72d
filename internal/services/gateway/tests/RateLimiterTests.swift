import Testing

@testable import SoukGateway

@Suite struct RateLimiterTests {
    let start = ContinuousClock.now

    @Test func aFullWindowPassesAtOnceAndThenItRefills() {
        let limiter = RateLimiter(quota: 10, window: .seconds(10))
        for left in (0..<10).reversed() {
            let decision = limiter.admit("a", at: start)
            #expect(decision.isAllowed && decision.remaining == left)
        }
        let refused = limiter.admit("a", at: start)
        #expect(!refused.isAllowed && refused.remaining == 0 && refused.retryAfter == .seconds(1))
        #expect(limiter.admit("a", at: start + .seconds(1)).isAllowed)
        #expect(!limiter.admit("a", at: start + .seconds(1)).isAllowed)
        #expect(limiter.admit("a", at: start + .seconds(100)).remaining == 9)
    }

    @Test func clientsDoNotShareAQuota() {
        let limiter = RateLimiter(quota: 1, window: .seconds(10))
        #expect(limiter.admit("a", at: start).isAllowed)
        #expect(!limiter.admit("a", at: start).isAllowed)
        #expect(limiter.admit("b", at: start).isAllowed)
    }

    @Test func neverMoreThanQuotaPlusRefillInAnyWindow() {
        var random = SystemRandomNumberGenerator()
        let limiter = RateLimiter(quota: 20, window: .seconds(10))
        var now = start
        var admitted: [ContinuousClock.Instant] = []
        for _ in 0..<5_000 {
            now += .milliseconds(Int.random(in: 0...400, using: &random))
            if limiter.admit("a", at: now).isAllowed { admitted.append(now) }
        }
        for (index, first) in admitted.enumerated() {
            let inWindow = admitted[index...].prefix { first.duration(to: $0) < .seconds(10) }.count
            #expect(inWindow <= 40)
        }
    }

    @Test func memoryIsBounded() {
        let limiter = RateLimiter(quota: 2, window: .seconds(10), capacity: 100)
        for client in 0..<10_000 { #expect(limiter.admit("\(client)", at: start).isAllowed) }
        #expect(limiter.count <= 100)
    }

    @Test func notEveryNewcomerPaysForMakingRoom() {
        let limiter = RateLimiter(quota: 10, window: .seconds(10), capacity: 100)
        // One client has its full quota again; the others are busy.
        #expect(limiter.admit("rested", at: start - .seconds(60)).isAllowed)
        for client in 1..<100 { #expect(limiter.admit("\(client)", at: start).isAllowed) }
        #expect(limiter.admit("newcomer", at: start).isAllowed)
        #expect(limiter.count <= 91)
    }
}
