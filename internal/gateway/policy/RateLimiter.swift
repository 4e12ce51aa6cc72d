import Logging
import SoukCache
import SoukErrors
import SoukTime
import Synchronization

/// Limits how often each client may call: together with all other gateways over the shared cache, alone while that is
/// away. A client is never without a limit: at the worst it has one quota with each gateway.
final class RateLimiter: Sendable {
    /// Clients that are remembered while the cache is away; the least recently seen make room.
    static let localCapacity = 100_000

    let limit: RateLimit
    private let prefix: String
    private let cache: (any Cache)?
    private let local: MemoryCache
    private let isAlone = Mutex(false)
    private let logger = Logger(label: "souk.gateway")

    /// - Parameter prefix: of its keys in the cache, where other limits count, too.
    init(
        _ limit: RateLimit, prefix: String = "rate:gateway:", cache: (any Cache)?, clock: any WallClock
    ) {
        self.limit = limit
        self.prefix = prefix
        self.cache = cache
        local = MemoryCache(capacity: Self.localCapacity, clock: clock)
    }

    func admit(_ client: String) async -> RateDecision {
        let key = prefix + client
        if let cache {
            do {
                let decision = try await cache.admit(key, limit)
                note(isAlone: false)
                return decision
            } catch {
                note(isAlone: true, error)
            }
        }
        return local.decide(key, limit)
    }

    /// Logs the changes only: while the cache is away this is every request's fate.
    private func note(isAlone now: Bool, _ error: CacheError? = nil) {
        let changed = isAlone.withLock { before in
            defer { before = now }
            return before != now
        }
        guard changed else { return }
        if let error {
            logger.warning(
                "rate limits count this gateway alone", metadata: ["error": "\(error.logDescription)"])
        } else {
            logger.info("rate limits count all gateways again")
        }
    }
}
