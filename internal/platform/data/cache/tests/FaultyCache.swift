import SoukCache
import Synchronization

/// A cache that can be away, and counts what it is asked.
final class FaultyCache: Cache {
    let cache: any Cache
    private let state = Mutex((isAway: false, calls: 0))

    init(_ cache: any Cache) { self.cache = cache }

    var isAway: Bool {
        get { state.withLock { $0.isAway } }
        set { state.withLock { $0.isAway = newValue } }
    }

    var calls: Int { state.withLock { $0.calls } }

    private func check() throws(CacheError) {
        let isAway = state.withLock { state in
            state.calls += 1
            return state.isAway
        }
        if isAway { throw .unavailable("away") }
    }

    func get(_ key: String) async throws(CacheError) -> [UInt8]? {
        try check()
        return try await cache.get(key)
    }

    func set(
        _ key: String, _ value: [UInt8], timeToLive: Duration, condition: CacheCondition
    ) async throws(CacheError) -> Bool {
        try check()
        return try await cache.set(key, value, timeToLive: timeToLive, condition: condition)
    }

    func delete(_ keys: [String]) async throws(CacheError) -> Int {
        try check()
        return try await cache.delete(keys)
    }

    func increment(_ key: String, by amount: Int, timeToLive: Duration) async throws(CacheError) -> Int {
        try check()
        return try await cache.increment(key, by: amount, timeToLive: timeToLive)
    }

    func admit(_ key: String, _ limit: RateLimit) async throws(CacheError) -> RateDecision {
        try check()
        return try await cache.admit(key, limit)
    }

    func publish(_ message: [UInt8], on channel: String) async throws(CacheError) {
        try check()
        try await cache.publish(message, on: channel)
    }

    func messages(on channel: String) -> AsyncStream<[UInt8]> { cache.messages(on: channel) }

    func ping() async throws(CacheError) {
        try check()
        try await cache.ping()
    }

    func close() async { await cache.close() }
}
