import CoreMetrics
import NIOCore
import SoukHTTP
import SoukHTTPWire
import Synchronization
import SoukText

/// A policy made ready for event loops: what is looked up by name there is an object here. Replaced whole on a reload.
final class CompiledPolicy: Sendable {
    let policy: GatewayPolicy
    /// One client's part of connections, which is that of its requests as well, and of bodies' bytes.
    let connectionPart: Int
    let bodyPart: Int
    let routes: [CompiledRoute]
    let upstreams: [String: Upstream]
    /// Where nothing fits: 404 by this process's own routes.
    let unmatched: CompiledRoute
    /// `/**`, whose limits count what is no request, too.
    let fallback: CompiledRoute
    private let matcher: RouteMatcher

    /// - Parameter previous: upstreams that have not changed keep what is known of their addresses.
    /// - Throws: `RoutePatternError`.
    init(_ policy: GatewayPolicy, previous: CompiledPolicy? = nil, limiters: RateLimiters)
        throws(RoutePatternError)
    {
        self.policy = policy
        connectionPart = policy.budgets.part(of: policy.listener.maxConnections)
        bodyPart = policy.budgets.bodyPart
        var upstreams: [String: Upstream] = [:]
        for (name, upstream) in policy.upstreams {
            let known = previous?.upstreams[name]
            upstreams[name] = known.flatMap { $0.policy == upstream ? $0 : nil } ?? Upstream(upstream)
        }
        self.upstreams = upstreams
        matcher = try RouteMatcher(policy.routes)
        let limits = limiters.limits(of: policy)
        routes = zip(policy.routes, limits).map { route, limits in
            CompiledRoute(route, upstream: upstreams[route.upstream], limits: limits)
        }
        var nothing = RoutePolicy(pattern: "unmatched", upstream: GatewayPolicy.local)
        nothing.cors = policy.routes.first?.cors ?? nothing.cors
        let unmatched = CompiledRoute(nothing, upstream: nil, limits: RouteLimits(counters: []))
        self.unmatched = unmatched
        fallback = routes.first { $0.policy.pattern.equals(bytes: "/**") } ?? unmatched
    }

    func route(of head: RequestHead) -> CompiledRoute {
        let index = head.withPath { matcher.route($0) }
        return index.map { routes[$0] } ?? unmatched
    }

    func trusts(_ address: String) -> Bool {
        !policy.trustedProxies.isEmpty && contains(policy.trustedProxies, address)
    }

    func exempts(_ address: String) -> Bool {
        !policy.rateLimitExempt.isEmpty && contains(policy.rateLimitExempt, address)
    }

    /// Walks from the socket outwards as long as each hop is a proxy of ours; what the next one wrote is true.
    func client(of forwardedFor: String, peer: String) -> String {
        var client = peer
        for hop in forwardedFor.split(byte: ",").reversed().prefix(Self.maxHops) {
            guard trusts(client) else { break }
            let text = hop.removingBlanks()
            guard IPAddress(text) != nil else { break }
            client = text
        }
        return client
    }

    /// More hops than any sane chain of proxies has.
    private static let maxHops = 32

    private func contains(_ ranges: [AddressRange], _ text: String) -> Bool {
        guard let address = IPAddress(text) else { return false }
        return ranges.contains { $0.contains(address) }
    }
}

/// A route and what is remembered of it. Shared by all event loops.
final class CompiledRoute: Sendable {
    let policy: RoutePolicy
    /// nil: this process's own routes.
    let upstream: Upstream?
    let metrics: RouteMetrics
    /// Limits by client, which count every request, and those by account, which count those with a verified token.
    let clientLimits: RouteLimits
    let accountLimits: RouteLimits
    let connectTimeout: TimeAmount
    let firstByteTimeout: TimeAmount
    let totalTimeout: TimeAmount?
    let queueTimeout: TimeAmount
    /// Bytes of a body that are read before a slot is taken; 0 where there are no slots.
    let readAhead: Int
    let bodyGrace: TimeAmount
    /// Not an optional mutex: Swift 6.3 takes one that is nil for one that is there.
    private let breaker: Mutex<CircuitBreaker?>
    private let budget: Mutex<RetryBudget>

    init(_ policy: RoutePolicy, upstream: Upstream?, limits: RouteLimits) {
        self.policy = policy
        self.upstream = upstream
        metrics = RouteMetrics(route: policy.pattern)
        clientLimits = RouteLimits(counters: limits.counters.filter { $0.policy.key == .client })
        accountLimits = RouteLimits(counters: limits.counters.filter { $0.policy.key != .client })
        connectTimeout = TimeAmount(policy.timeouts.connect)
        firstByteTimeout = TimeAmount(policy.timeouts.firstByte)
        totalTimeout = policy.timeouts.total.map(TimeAmount.init)
        queueTimeout = TimeAmount(policy.concurrency?.queueTimeout ?? .zero)
        readAhead = policy.concurrency?.readAhead ?? 0
        bodyGrace = TimeAmount(policy.bodyRate?.grace ?? .zero)
        breaker = Mutex(policy.breaker.map { CircuitBreaker($0) })
        budget = Mutex(RetryBudget(policy.retries))
    }

    deinit {
        guard breaker.withLock({ ($0?.state(at: .now()) ?? .closed) != .closed }) else { return }
        upstream?.metrics.breakerOpen.decrement()
    }

    // MARK: - Breaker

    func admits(at now: NIODeadline) -> CircuitBreaker.Admission {
        breaker.withLock { $0?.admits(at: now) ?? .admitted }
    }

    func noteSuccess(at now: NIODeadline) {
        let closed = breaker.withLock { $0?.noteSuccess(at: now) ?? false }
        if closed { upstream?.metrics.breakerOpen.decrement() }
    }

    func noteFailure(at now: NIODeadline) {
        let opened = breaker.withLock { $0?.noteFailure(at: now) ?? false }
        if opened { upstream?.metrics.breakerOpen.increment() }
    }

    // MARK: - Repetitions

    func noteRequest(isRetry: Bool, at now: NIODeadline) {
        guard !isRetry, policy.retries.attempts > 0 else { return }
        budget.withLock { $0.noteRequest(at: now) }
    }

    func mayRetry(at now: NIODeadline) -> Bool {
        budget.withLock { $0.spend(at: now) }
    }
}
