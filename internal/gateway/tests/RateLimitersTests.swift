import NIOCore
import SoukCache
import SoukCallContext
import SoukIDs
import SoukTesting
import Testing

@testable import SoukGateway

@Suite struct LocalRateLimiterTests {
    private let second: Int64 = 1_000_000_000

    @Test func aWholeQuotaThenOneAtATime() {
        let limiter = LocalRateLimiter(RateLimit(quota: 10, window: .seconds(10)))
        for left in (0..<10).reversed() {
            let verdict = limiter.admit(.ipv4(1), at: second)
            #expect(
                verdict.isAllowed && verdict.remaining == left && verdict.resetSeconds == Int64(10 - left))
        }
        let refused = limiter.admit(.ipv4(1), at: second)
        #expect(
            refused == RateVerdict(isAllowed: false, remaining: 0, resetSeconds: 10, retryAfterSeconds: 1))
        #expect(limiter.admit(.ipv4(2), at: second).isAllowed)
        #expect(limiter.admit(.ipv6(1), at: second).isAllowed)
        #expect(limiter.admit(.unknown, at: second).isAllowed)
        #expect(!limiter.admit(.ipv4(1), at: 2 * second - 1).isAllowed)
        #expect(limiter.admit(.ipv4(1), at: 2 * second).isAllowed)
        #expect(!limiter.admit(.ipv4(1), at: 2 * second).isAllowed)
        // A clock that is late takes nothing back.
        #expect(!limiter.admit(.ipv4(1), at: second).isAllowed)
    }

    /// The same decisions as the cache's, whatever the numbers.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func agreesWithTheCaches(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let quota = [1, 2, 5, 10, 100, 200].randomElement(using: &random) ?? 1
        // Where the division has no remainder both count exactly.
        let window = Duration.milliseconds([1_000, 10_000, 60_000].randomElement(using: &random) ?? 1_000)
        let limit = RateLimit(quota: quota, window: window)
        let limiter = LocalRateLimiter(limit)
        var now: Int64 = 5 * second
        var fullAt: [UInt32: Duration] = [:]
        var refusals = 0
        for _ in 0..<3_000 {
            let key = UInt32.random(in: 0..<4, using: &random)
            now += Int64.random(in: 0..<(window.wholeNanoseconds / Int64(quota) / 4 + 1), using: &random)
            let (expected, next) = limit.decide(fullAt: fullAt[key], at: .nanoseconds(now))
            if let next { fullAt[key] = next }
            let verdict = limiter.admit(.ipv4(key), at: now)
            #expect(verdict.isAllowed == expected.isAllowed)
            #expect(verdict.remaining == expected.remaining)
            #expect(verdict.resetSeconds == Self.roundedUp(expected.reset))
            if !verdict.isAllowed {
                refusals += 1
                #expect(verdict.retryAfterSeconds == max(Self.roundedUp(expected.retryAfter), 1))
            }
        }
        #expect(refusals > 0)
    }

    private static func roundedUp(_ duration: Duration) -> Int64 {
        duration.components.seconds + (duration.components.attoseconds > 0 ? 1 : 0)
    }

    @Test(arguments: [(7, 1_000), (1_200, 60_000), (3, 1_001), (10_000_000, 1_000)])
    func theQuotaIsExact(quota: Int, milliseconds: Int) {
        let limit = RateLimit(quota: quota, window: .milliseconds(milliseconds))
        let limiter = LocalRateLimiter(limit)
        guard quota < 10_000 else {
            #expect(limiter.admit(.unknown, at: 0).remaining == quota - 1)
            return
        }
        var allowed = 0
        while limiter.admit(.unknown, at: second).isAllowed { allowed += 1 }
        #expect(allowed == quota)
    }

    @Test func memoryIsBounded() {
        let limiter = LocalRateLimiter(RateLimit(quota: 2, window: .seconds(60)), capacity: 1_600)
        for key in 0..<20_000 as Range<UInt32> { #expect(limiter.admit(.ipv4(key), at: second).isAllowed) }
        #expect(limiter.count <= 1_600)
        #expect(limiter.count > 1_000)
        // The one seen last is still counted, the first is forgotten.
        #expect(limiter.admit(.ipv4(19_999), at: second).remaining == 0)
        #expect(limiter.admit(.ipv4(0), at: second).remaining == 1)
    }

    @Test func whatIsFullAgainIsForgotten() {
        let limiter = LocalRateLimiter(RateLimit(quota: 2, window: .seconds(1)), capacity: 1_600)
        for key in 0..<1_000 as Range<UInt32> { _ = limiter.admit(.ipv4(key), at: second) }
        for key in 0..<1_000 as Range<UInt32> { _ = limiter.admit(.ipv4(key + 5_000), at: 9 * second) }
        #expect(limiter.count <= 1_100)
    }

    @Test func threadsTogetherGetOneQuota() async {
        let limiter = LocalRateLimiter(RateLimit(quota: 1_000, window: .seconds(600)))
        let allowed = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<500).reduce(0) { sum, _ in sum + (limiter.admit(.ipv4(9), at: 5).isAllowed ? 1 : 0) }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(allowed == 1_000)
    }

    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8::1", "20010db800000000/64"),
        ("2001:db8::2:3:4:5", "20010db800000000/64"), ("unknown", "unknown"), ("", "unknown"),
    ])
    func addressesBecomeKeys(address: String, text: String) {
        let expected = text.first == "2" ? String(text.drop { $0 == "0" }) : text
        #expect(RateKey(address: address).text == expected)
    }
}

@Suite struct RateLimitersTests {
    private let customer = Principal(userID: UserID(), roles: [.customer], sessionID: "s")
    private let vendor = Principal(userID: UserID(), roles: [.vendor], sessionID: "s")

    private func policy(_ limits: [[RateLimitPolicy]]) -> GatewayPolicy {
        var policy = GatewayPolicy()
        for (index, limits) in limits.enumerated() {
            var route = RoutePolicy(pattern: "/\(index)", upstream: GatewayPolicy.local)
            route.rateLimits = limits
            policy.routes.append(route)
        }
        return policy
    }

    private func limit(
        _ name: String, _ key: RateLimitPolicy.Key, _ quota: Int, shared: Bool = false
    ) -> RateLimitPolicy {
        RateLimitPolicy(name: name, key: key, quota: quota, window: .seconds(60), isShared: shared)
    }

    private func written(_ report: RateReport) -> String {
        var buffer = ByteBuffer()
        report.write(into: &buffer)
        return String(buffer: buffer)
    }

    @Test func everyLimitCountsItsOwn() throws {
        let limiters = RateLimiters(cache: nil, clock: ManualClock())
        let limits = limiters.limits(
            of: policy([[limit("all", .client, 10), limit("user", .token, 3), limit("shop", .vendor, 2)]]))[0]
        let now = NIODeadline.uptimeNanoseconds(5_000_000_000)
        var report = RateReport()
        #expect(limits.admit(client: .ipv4(1), principal: nil, at: now, &report))
        #expect(written(report) == "RateLimit-Policy: \"all\";q=10;w=60\r\nRateLimit: \"all\";r=9;t=6\r\n")
        #expect(limits.admit(client: nil, principal: vendor, at: now, &report))
        #expect(
            written(report) == """
                RateLimit-Policy: "all";q=10;w=60, "user";q=3;w=60, "shop";q=2;w=60\r
                RateLimit: "all";r=9;t=6, "user";r=2;t=20, "shop";r=1;t=30\r

                """)
        report = RateReport()
        #expect(limits.admit(client: .ipv4(1), principal: vendor, at: now, &report))
        report = RateReport()
        #expect(!limits.admit(client: .ipv4(1), principal: vendor, at: now, &report))
        #expect(report.retryAfterSeconds == 30)
        #expect(
            written(report) == """
                RateLimit-Policy: "all";q=10;w=60, "user";q=3;w=60, "shop";q=2;w=60\r
                RateLimit: "all";r=7;t=18, "user";r=0;t=60, "shop";r=0;t=60\r
                Retry-After: 30\r

                """)
        report = RateReport()
        #expect(limits.admit(client: nil, principal: customer, at: now, &report))
        #expect(limits.admit(client: nil, principal: nil, at: now, &report))
        #expect(written(RateReport()) == "")
    }

    @Test func aNameIsOneCountAndOutlivesAReload() {
        let limiters = RateLimiters(cache: nil, clock: ManualClock())
        let before = limiters.limits(of: policy([[limit("a", .client, 2)], [limit("a", .client, 2)], []]))
        var report = RateReport()
        let now = NIODeadline.uptimeNanoseconds(5)
        #expect(before[0].admit(client: .ipv4(1), principal: nil, at: now, &report))
        #expect(before[1].admit(client: .ipv4(1), principal: nil, at: now, &report))
        #expect(!before[0].admit(client: .ipv4(1), principal: nil, at: now, &report))
        #expect(before[2].isEmpty)
        let after = limiters.limits(of: policy([[limit("b", .client, 9), limit("a", .client, 2)]]))
        #expect(!after[0].admit(client: .ipv4(1), principal: nil, at: now, &report))
        let changed = limiters.limits(of: policy([[limit("a", .client, 3)]]))
        #expect(changed[0].admit(client: .ipv4(1), principal: nil, at: now, &report))
    }

    @Test func sharedLimitsCountForAllGateways() async {
        let clock = ManualClock()
        let cache = MemoryCache(capacity: 100, clock: clock)
        let policy = policy([[limit("a", .client, 2, shared: true), limit("b", .client, 1, shared: true)]])
        let one = RateLimiters(cache: cache, clock: clock).limits(of: policy)[0]
        let other = RateLimiters(cache: cache, clock: clock).limits(of: policy)[0]
        #expect(one.isShared)
        var report = RateReport()
        #expect(await one.admitShared(client: .ipv4(1), principal: nil, &report))
        #expect(
            written(report)
                == "RateLimit-Policy: \"a\";q=2;w=60, \"b\";q=1;w=60\r\nRateLimit: \"a\";r=1;t=30, \"b\";r=0;t=60\r\n"
        )
        report = RateReport()
        #expect(await !other.admitShared(client: .ipv4(1), principal: nil, &report))
        #expect(report.retryAfterSeconds == 60)
        #expect(await other.admitShared(client: .ipv6(1), principal: nil, &report))
    }

    @Test func withoutACacheSharedLimitsCountHere() {
        let limits = RateLimiters(cache: nil, clock: ManualClock()).limits(
            of: policy([[limit("a", .client, 1, shared: true)]]))[0]
        #expect(!limits.isShared)
        var report = RateReport()
        #expect(limits.admit(client: .unknown, principal: nil, at: .uptimeNanoseconds(1), &report))
        #expect(!limits.admit(client: .unknown, principal: nil, at: .uptimeNanoseconds(1), &report))
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 12_345, UInt64.max])
    func numbersAreWrittenAsTheyAre(number: UInt64) {
        var buffer = ByteBuffer()
        buffer.writeDecimal(number)
        #expect(String(buffer: buffer) == "\(number)")
    }
}
