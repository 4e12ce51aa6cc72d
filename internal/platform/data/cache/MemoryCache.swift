package import SoukTime
import Synchronization

/// A cache in the memory of this process: bounded, expiring, the least recently used making room.
///
/// Never waits; the functions are `async` for the protocol only.
package final class MemoryCache: Cache {
    private struct State {
        var values: ExpiringStore<[UInt8]>
        /// Key → when the quota is full again, since ``origin``.
        var rates: ExpiringStore<Duration>
        var isClosed = false
        var listeners: [String: [UInt64: AsyncStream<[UInt8]>.Continuation]] = [:]
        var nextListener: UInt64 = 0
    }

    /// What an entry costs besides its key and value.
    private static let overhead = 128

    private let state: Mutex<State>
    private let clock: any WallClock
    private let origin: Timestamp

    /// - Parameters:
    ///   - capacity: Most values; as many rate limits besides.
    ///   - maxBytes: Of all keys and values together.
    package init(capacity: Int, maxBytes: Int = 64 << 20, clock: any WallClock) {
        state = Mutex(
            State(
                values: ExpiringStore(capacity: capacity, maxCost: maxBytes),
                rates: ExpiringStore(capacity: capacity)))
        self.clock = clock
        origin = clock.now()
    }

    /// Values and rate limits that are held.
    package var count: Int { state.withLock { $0.values.count + $0.rates.count } }

    /// Bytes of the values that are held, with their keys and what it takes to keep them.
    package var bytes: Int { state.withLock { $0.values.cost } }

    package func get(_ key: String) async throws(CacheError) -> [UInt8]? {
        try CacheRules.check(key: key)
        return try locked { state, now throws(CacheError) in state.values.entry(key, at: now)?.value }
    }

    @discardableResult
    package func set(
        _ key: String, _ value: [UInt8], timeToLive: Duration, condition: CacheCondition
    ) async throws(CacheError) -> Bool {
        try CacheRules.check(key: key)
        try CacheRules.check(value: value)
        let lifetime = Duration.milliseconds(try CacheRules.milliseconds(timeToLive))
        return try locked { state, now throws(CacheError) in
            switch condition {
            case .always: break
            case .ifAbsent:
                if state.values.entry(key, at: now) != nil { return false }
            case .ifEqual(let expected):
                if state.values.entry(key, at: now)?.value != expected { return false }
            }
            state.values.set(key, value, cost: Self.cost(key, value), at: now, until: now + lifetime)
            return true
        }
    }

    @discardableResult
    package func delete(_ keys: [String]) async throws(CacheError) -> Int {
        for key in keys { try CacheRules.check(key: key) }
        return try locked { state, now throws(CacheError) in
            var count = 0
            for key in keys {
                let hadValue = state.values.remove(key, at: now)
                let hadRate = state.rates.remove(key, at: now)
                if hadValue || hadRate { count += 1 }
            }
            return count
        }
    }

    package func increment(
        _ key: String, by amount: Int, timeToLive: Duration
    ) async throws(CacheError) -> Int {
        try CacheRules.check(key: key)
        let lifetime = Duration.milliseconds(try CacheRules.milliseconds(timeToLive))
        return try locked { state, now throws(CacheError) in
            let entry = state.values.entry(key, at: now)
            guard let before = entry.map({ Int(String(decoding: $0.value, as: UTF8.self)) }) ?? 0 else {
                throw .invalidArgument("the key holds no counter")
            }
            let (sum, overflow) = before.addingReportingOverflow(amount)
            guard !overflow else { throw .invalidArgument("the counter would overflow") }
            let value = Array("\(sum)".utf8)
            state.values.set(
                key, value, cost: Self.cost(key, value), at: now, until: entry?.end ?? now + lifetime)
            return sum
        }
    }

    package func admit(_ key: String, _ limit: RateLimit) async throws(CacheError) -> RateDecision {
        try CacheRules.check(key: key)
        return try locked { state, now throws(CacheError) in decide(key, limit, &state, now) }
    }

    /// As ``admit(_:_:)``, at once, for any key, and for a closed cache too.
    package func decide(_ key: String, _ limit: RateLimit) -> RateDecision {
        state.withLock { decide(key, limit, &$0, clock.now()) }
    }

    package func publish(_ message: [UInt8], on channel: String) async throws(CacheError) {
        try CacheRules.check(key: channel)
        try CacheRules.check(value: message)
        let listeners = try locked { state, _ throws(CacheError) in state.listeners[channel] ?? [:] }
        for listener in listeners.values { listener.yield(message) }
    }

    package func messages(on channel: String) -> AsyncStream<[UInt8]> {
        AsyncStream(bufferingPolicy: .bufferingNewest(CacheRules.maxWaitingMessages)) { continuation in
            let id: UInt64? = state.withLock { state in
                guard !state.isClosed else { return nil }
                state.nextListener += 1
                state.listeners[channel, default: [:]][state.nextListener] = continuation
                return state.nextListener
            }
            guard let id else { return continuation.finish() }
            continuation.onTermination = { [weak self] _ in
                self?.state.withLock { state in
                    state.listeners[channel]?[id] = nil
                    if state.listeners[channel]?.isEmpty == true { state.listeners[channel] = nil }
                }
            }
        }
    }

    package func ping() async throws(CacheError) {
        try locked { _, _ throws(CacheError) in }
    }

    package func close() async {
        let listeners = state.withLock { state in
            state.isClosed = true
            state.values.removeAll()
            state.rates.removeAll()
            defer { state.listeners = [:] }
            return state.listeners.values.flatMap(\.values)
        }
        for listener in listeners { listener.finish() }
    }

    private func decide(
        _ key: String, _ limit: RateLimit, _ state: inout State, _ now: Timestamp
    ) -> RateDecision {
        let (decision, fullAt) = limit.decide(
            fullAt: state.rates.entry(key, at: now)?.value, at: now - origin)
        if let fullAt { state.rates.set(key, fullAt, at: now, until: now + decision.reset) }
        return decision
    }

    /// Reads the clock under the lock, so that time goes forward for every entry.
    private func locked<T: Sendable>(
        _ body: (inout State, Timestamp) throws(CacheError) -> T
    ) throws(CacheError) -> T {
        try state.withLock { state throws(CacheError) in
            guard !state.isClosed else { throw .closed }
            return try body(&state, clock.now())
        }
    }

    private static func cost(_ key: String, _ value: [UInt8]) -> Int {
        key.utf8.count + value.count + overhead
    }
}
