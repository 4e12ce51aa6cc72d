/// A store of values that may be forgotten at any time: what it holds speeds things up, and nothing depends on it.
///
/// Keys are shared by all services of a marketplace and carry a prefix that says whose they are (`standing:`,
/// `rate:gateway:`), at most 250 bytes of visible ASCII. Every value has a time to live. All functions may be called
/// from any task at any time, ``close()`` too.
package protocol Cache: Sendable {
    /// The value; nil when there is none, or it has expired or been evicted.
    ///
    /// - Throws: ``CacheError/unavailable(_:)``, ``CacheError/closed``.
    func get(_ key: String) async throws(CacheError) -> [UInt8]?

    /// Stores a value until its time is up. False where the condition did not hold and nothing was stored.
    ///
    /// - Parameters:
    ///   - value: At most 1 MiB.
    ///   - timeToLive: Positive; milliseconds count.
    /// - Throws: as ``get(_:)``; ``CacheError/invalidArgument(_:)``.
    @discardableResult
    func set(
        _ key: String, _ value: [UInt8], timeToLive: Duration, condition: CacheCondition
    ) async throws(CacheError) -> Bool

    /// Forgets the keys, and says how many of them there were.
    ///
    /// - Throws: as ``get(_:)``.
    @discardableResult
    func delete(_ keys: [String]) async throws(CacheError) -> Int

    /// Adds to a counter, which starts at zero and lives for `timeToLive` from its first addition on. Returns the new
    /// count.
    ///
    /// - Throws: as ``get(_:)``; ``CacheError/invalidArgument(_:)`` where the key holds something else.
    func increment(_ key: String, by amount: Int, timeToLive: Duration) async throws(CacheError) -> Int

    /// Takes one call from a rate limit, atomically for all processes that share the cache.
    ///
    /// - Throws: as ``get(_:)``.
    func admit(_ key: String, _ limit: RateLimit) async throws(CacheError) -> RateDecision

    /// Sends a message to everybody who listens on the channel now, in whichever process. Nobody keeps it: who does not
    /// listen, or can't be reached, does not get it.
    ///
    /// - Parameters:
    ///   - message: At most 1 MiB.
    ///   - channel: As a key.
    /// - Throws: as ``get(_:)``; ``CacheError/invalidArgument(_:)``.
    func publish(_ message: [UInt8], on channel: String) async throws(CacheError)

    /// The messages on a channel from now on, until nobody reads them any more or the cache is closed. While the cache can't
    /// be reached none come; of those that are not read in time the oldest are dropped.
    func messages(on channel: String) -> AsyncStream<[UInt8]>

    /// Asks the cache for an answer, to see that it can be reached.
    func ping() async throws(CacheError)

    /// Lets go of connections and memory; later calls throw ``CacheError/closed``. Idempotent.
    func close() async
}

/// When ``Cache/set(_:_:timeToLive:condition:)`` stores.
package enum CacheCondition: Sendable, Hashable {
    case always
    /// Only where there is no value.
    case ifAbsent
    /// Only where the value is just this one.
    case ifEqual([UInt8])
}

/// How often something may be done: the generic cell rate algorithm (ITU-T I.371, Annex A), which lets a full window's
/// quota through at once.
package struct RateLimit: Sendable, Hashable {
    /// Calls per window, at least 1.
    package let quota: Int
    /// Positive.
    package let window: Duration

    package init(quota: Int, window: Duration) {
        precondition(quota > 0 && window > .zero, "a rate limit lets something through in some time")
        self.quota = quota
        self.window = window
    }
}

/// What a rate limit says of one call.
package struct RateDecision: Sendable, Hashable {
    package let isAllowed: Bool
    /// Calls left right now.
    package let remaining: Int
    /// Until the quota is full again.
    package let reset: Duration
    /// How long to wait for the next call; zero if it was allowed.
    package let retryAfter: Duration

    package init(isAllowed: Bool, remaining: Int, reset: Duration, retryAfter: Duration) {
        self.isAllowed = isAllowed
        self.remaining = remaining
        self.reset = reset
        self.retryAfter = retryAfter
    }
}
