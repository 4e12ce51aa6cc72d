import Logging
import NIOCore
import NIOPosix
import SoukAuthToken
import SoukCache
import SoukCallContext
import SoukTime
import Synchronization
import Testing

@testable import SoukGateway

/// A cache that is slow to count.
private final class SlowCache: Cache {
    private let asked = Mutex<[CheckedContinuation<Void, Never>]>([])

    func goOn() {
        asked.withLock { waiting in
            for one in waiting { one.resume() }
            waiting = []
        }
    }

    func admit(_ key: String, _ limit: RateLimit) async throws(CacheError) -> RateDecision {
        await withCheckedContinuation { waiting in asked.withLock { $0.append(waiting) } }
        throw .closed
    }

    func get(_ key: String) async throws(CacheError) -> [UInt8]? { throw .closed }
    func set(
        _ key: String, _ value: [UInt8], timeToLive: Duration, condition: CacheCondition
    ) async throws(CacheError) -> Bool { throw .closed }
    func delete(_ keys: [String]) async throws(CacheError) -> Int { throw .closed }
    func increment(_ key: String, by amount: Int, timeToLive: Duration) async throws(CacheError) -> Int {
        throw .closed
    }
    func publish(_ message: [UInt8], on channel: String) async throws(CacheError) { throw .closed }
    func messages(on channel: String) -> AsyncStream<[UInt8]> { AsyncStream { $0.finish() } }
    func ping() async throws(CacheError) { throw .closed }
    func close() async {}
}

private struct NoTokens: TokenVerifier {
    func verify(_ token: String) async throws(TokenError) -> Principal { throw .malformed("a test has none") }
}

@Suite struct RefusalCountTests {
    @Test func refusalsThatASlowCacheCountsAreBounded() async throws {
        let cache = SlowCache()
        var policy = GatewayPolicy()
        var route = RoutePolicy(pattern: "/**", upstream: GatewayPolicy.local)
        route.rateLimits = [
            RateLimitPolicy(name: "all", key: .client, quota: 10, window: .seconds(1), isShared: true)
        ]
        policy.routes = [route]
        let compiled = try CompiledPolicy(policy, limiters: RateLimiters(cache: cache, clock: SystemClock()))
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let state = EventLoopState(
            loop: loop,
            gateway: GatewayRuntime(
                tokens: VerifiedTokens(NoTokens(), clock: SystemClock()), responder: nil,
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })),
            policy: compiled, loops: 1)

        func underWay(after refusals: Int) async throws -> Int {
            try await loop.submit {
                let peer = ClientPeer(
                    try SocketAddress(ipAddress: "192.0.2.7", port: 4_000), isTLS: false, policy: compiled,
                    budgets: state.gateway.budgets)
                for _ in 0..<refusals {
                    state.noteRefusal(.notFound, peer, RequestIdentity(&state.random))
                }
                return state.countsUnderWay
            }.get()
        }

        #expect(try await underWay(after: 1_000) == EventLoopState.maxCountsUnderWay)
        // They end, and others follow.
        while try await underWay(after: 0) > 0 { cache.goOn() }
        #expect(try await underWay(after: 3) == 3)
        while try await underWay(after: 0) > 0 { cache.goOn() }
    }
}
