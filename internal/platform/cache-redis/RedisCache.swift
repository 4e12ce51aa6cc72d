package import SoukCache

/// A cache in Redis.
package final class RedisCache: Cache {
    private init() {}

    package static func open(_ options: RedisOptions) throws(CacheError) -> RedisCache { RedisCache() }
    package func get(_ key: String) async throws(CacheError) -> [UInt8]? { throw .closed }
    package func set(
        _ key: String, _ value: [UInt8], timeToLive: Duration, condition: CacheCondition
    ) async throws(CacheError) -> Bool { throw .closed }
    package func delete(_ keys: [String]) async throws(CacheError) -> Int { throw .closed }
    package func increment(_ key: String, by amount: Int, timeToLive: Duration) async throws(CacheError) -> Int {
        throw .closed
    }
    package func admit(_ key: String, _ limit: RateLimit) async throws(CacheError) -> RateDecision { throw .closed }
    package func ping() async throws(CacheError) { throw .closed }
    package func close() async {}
}
