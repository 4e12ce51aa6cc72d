import NIOCore
import SoukCache
import SoukCallContext
import SoukTime
import Synchronization

/// The counters behind all limits of a policy, by name: limits of one name count together, whichever routes they stand at.
/// A reload keeps the counts of those that stay as they were.
final class RateLimiters: Sendable {
    private let cache: (any Cache)?
    private let clock: any WallClock
    private let counters = Mutex<[String: RateCounter]>([:])

    /// - Parameter cache: counts the limits that are shared; nil where this process is the only one, which counts them then.
    init(cache: (any Cache)?, clock: any WallClock) {
        self.cache = cache
        self.clock = clock
    }

    /// The limits of each route, in the policy's order; what earlier policies alone had is forgotten.
    func limits(of policy: GatewayPolicy) -> [RouteLimits] {
        counters.withLock { known in
            var kept: [String: RateCounter] = [:]
            let limits = policy.routes.map { route in
                RouteLimits(
                    counters: route.rateLimits.map { limit in
                        if let counter = kept[limit.name] ?? known[limit.name], counter.policy == limit {
                            kept[limit.name] = counter
                            return counter
                        }
                        let counter = RateCounter(limit, cache: cache, clock: clock)
                        kept[limit.name] = counter
                        return counter
                    })
            }
            known = kept
            return limits
        }
    }
}

/// One limit and its counts.
final class RateCounter: Sendable {
    let policy: RateLimitPolicy
    /// `"default";q=1200;w=60`
    let policyItem: [UInt8]
    /// `"default";r=`
    let itemStart: [UInt8]
    private let local: LocalRateLimiter
    private let shared: RateLimiter?

    init(_ policy: RateLimitPolicy, cache: (any Cache)?, clock: any WallClock) {
        self.policy = policy
        let limit = RateLimit(quota: policy.quota, window: policy.window)
        let seconds = (policy.window.wholeNanoseconds + 999_999_999) / 1_000_000_000
        policyItem = Array("\"\(policy.name)\";q=\(policy.quota);w=\(seconds)".utf8)
        itemStart = Array("\"\(policy.name)\";r=".utf8)
        local = LocalRateLimiter(limit)
        shared =
            policy.isShared && cache != nil
            ? RateLimiter(limit, prefix: "rate:gateway:\(policy.name):", cache: cache, clock: clock) : nil
    }

    /// Whether the answer must be waited for.
    var isShared: Bool { shared != nil }

    func admit(_ key: RateKey, at now: NIODeadline) -> RateVerdict {
        local.admit(key, at: Int64(clamping: now.uptimeNanoseconds))
    }

    /// Over the cache; in this process alone while that is away.
    func admitShared(_ key: RateKey) async -> RateVerdict {
        guard let shared else { return admit(key, at: .now()) }
        let decision = await shared.admit(key.text)
        return RateVerdict(
            isAllowed: decision.isAllowed, remaining: decision.remaining,
            resetSeconds: decision.reset.wholeSeconds,
            retryAfterSeconds: decision.isAllowed ? 0 : max(decision.retryAfter.wholeSeconds, 1))
    }

    /// Whom it counts of a request; nil for one that it doesn't concern.
    func key(client: RateKey?, principal: Principal?) -> RateKey? {
        switch policy.key {
        case .client: client
        case .token: principal.map { .account($0.userID) }
        case .vendor: principal.flatMap { $0.has(.vendor) ? .account($0.userID) : nil }
        }
    }
}

/// The limits of a route, in the order in which they are asked. The first that refuses is the last; those before it have
/// counted the request all the same.
struct RouteLimits: Sendable {
    let counters: [RateCounter]
    /// Whether some answer must be waited for: then ``admitShared(client:principal:_:)`` is the way.
    let isShared: Bool

    init(counters: [RateCounter]) {
        precondition(
            counters.count <= RateLimitPolicy.maxPerRoute, "policies are checked where they are read")
        self.counters = counters
        isShared = counters.contains { $0.isShared }
    }

    var isEmpty: Bool { counters.isEmpty }

    /// Asks every limit that counts by what is given, in this process. False when one refuses.
    ///
    /// - Parameters:
    ///   - client: nil for clients that aren't counted, or have been already.
    ///   - principal: nil where no token has been verified.
    func admit(
        client: RateKey?, principal: Principal?, at now: NIODeadline, _ report: inout RateReport
    ) -> Bool {
        for counter in counters {
            guard let key = counter.key(client: client, principal: principal) else { continue }
            let verdict = counter.admit(key, at: now)
            report.add(counter, verdict)
            if !verdict.isAllowed { return false }
        }
        return true
    }

    /// As ``admit(client:principal:at:_:)``, those that are shared for all gateways together.
    func admitShared(client: RateKey?, principal: Principal?, _ report: inout RateReport) async -> Bool {
        for counter in counters {
            guard let key = counter.key(client: client, principal: principal) else { continue }
            let verdict = await counter.admitShared(key)
            report.add(counter, verdict)
            if !verdict.isAllowed { return false }
        }
        return true
    }
}

extension RateLimitPolicy {
    static let maxPerRoute = 4
}

extension Duration {
    /// Seconds, rounded up.
    fileprivate var wholeSeconds: Int64 { components.seconds + (components.attoseconds > 0 ? 1 : 0) }
}
