package import SoukTime
import Synchronization
import SoukText

/// Values of a slow source, remembered for moments in this process and for longer in the cache that all processes share.
///
/// A value loaded before an invalidation is never stored after it, in neither tier, not even when the shared cache lost
/// everything in between: whoever loads for the shared cache first leaves a lease there, and stores only in its place;
/// an invalidation takes the lease away with the value.
///
/// What can't be reached is gone without: a shared cache that is away is passed over, and a source that is away is asked
/// again only now and then, while values that are past their freshness stand in for it. Nothing is ever made up: without
/// any value the source's error is the answer.
package final class TwoTierCache<Value: Codable & Sendable>: Sendable {
    /// How long values are good for. The defaults are for standings of accounts.
    package struct Options: Sendable {
        /// Values in memory; the least recently used make room.
        package var memoryCapacity = 50_000
        /// How long this process believes a value without looking again.
        package var memoryLifetime: Duration = .seconds(2)
        /// How long all processes believe a value without asking the source again.
        package var freshness: Duration = .seconds(60)
        /// How long a value may stand in for a source that is away; no shorter than `freshness`.
        package var lifetime: Duration = .seconds(900)
        /// For how long nobody asks a source that has just failed.
        package var backOff: Duration = .seconds(1)
        /// How long a load may take; its lease outlives it.
        package var loadTimeout: Duration = .seconds(2)
        /// Loads at once.
        package var maximumLoads = 4_096
        /// Invalidations that the shared cache has yet to hear of; beyond, it is not asked at all for `lifetime`.
        package var maximumDrops = 100_000

        package init() {}
    }

    package typealias Load = @Sendable () async throws -> Value

    private struct Flight {
        let key: String
        var waiters: [UInt64: CheckedContinuation<Value, any Error>] = [:]
    }

    private struct State {
        var memory: ExpiringStore<Value>
        var nextID: UInt64 = 0
        /// The load that newcomers join; an invalidation lets them begin another.
        var current: [String: UInt64] = [:]
        var flights: [UInt64: Flight] = [:]
        /// Keys that the shared cache still has to forget, and since when.
        var drops: [String: Timestamp] = [:]
        var distrustedUntil: Timestamp?
        /// Set while the source fails: why, and when to ask it again.
        var failure: (error: any Error, until: Timestamp)?
    }

    private let options: Options
    private let shared: (any Cache)?
    private let clock: any WallClock
    private let state: Mutex<State>
    private let dropped = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// - Parameter shared: nil where this process is the only one.
    package init(_ options: Options = Options(), shared: (any Cache)?, clock: any WallClock) {
        precondition(options.freshness <= options.lifetime, "a value lives at least as long as it is fresh")
        self.options = options
        self.shared = shared
        self.clock = clock
        state = Mutex(State(memory: ExpiringStore(capacity: options.memoryCapacity)))
    }

    /// What this process remembers, at once.
    package func remembered(_ key: String) -> Value? {
        state.withLock { $0.memory.entry(key, at: clock.now())?.value }
    }

    /// The value: from memory, from the shared cache, or from the source. Those who ask for one key at once wait for
    /// one load; cancelling one of them leaves the others and the load alone.
    ///
    /// - Parameter accept: Whether a value of the shared cache may be used; one that may not is replaced by a loaded one.
    /// - Throws: `load`'s error, maybe one of a moment ago; `CancellationError`; ``CacheError/unavailable(_:)`` when too
    ///   much is being loaded.
    package func value(
        for key: String, accept: @escaping @Sendable (Value) -> Bool = { _ in true }, load: @escaping Load
    ) async throws -> Value {
        if let value = remembered(key) { return value }
        let waiter = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                join(key, waiter, continuation, accept, load)
            }
        } onCancel: {
            leave(key, waiter)
        }
    }

    // MARK: - Invalidation

    /// Forgets values: in this process at once, in the shared cache with the next ``flush()``, until which this process
    /// does not believe it.
    package func drop(_ keys: [String]) {
        let isPending = state.withLock { state in
            let now = clock.now()
            for key in keys {
                state.memory.remove(key, at: now)
                state.current[key] = nil
            }
            guard shared != nil, !keys.isEmpty else { return false }
            for key in keys { state.drops[key] = now }
            if state.drops.count > options.maximumDrops {
                state.drops = [:]
                state.distrustedUntil = now + options.lifetime
            }
            return true
        }
        if isPending { dropped.continuation.yield() }
    }

    /// As ``drop(_:)``, for the keys that begin so as far as this process remembers or is loading them.
    package func drop(prefix: String) {
        let keys = state.withLock { state in
            state.memory.removeAll { $0.hasPrefix(bytes: prefix) }
                + state.current.keys.filter { $0.hasPrefix(bytes: prefix) }
        }
        drop(keys)
    }

    /// Forgets a value in both tiers; returns when the shared cache has been told, or can't be.
    package func invalidate(_ key: String) async {
        drop([key])
        _ = await flush()
    }

    /// Tells the shared cache what to forget; false when it can't be told now.
    package func flush() async -> Bool {
        guard let shared else { return true }
        let drops = state.withLock { $0.drops }
        guard !drops.isEmpty else { return true }
        do {
            try await shared.delete(Array(drops.keys))
        } catch {
            // By then the shared cache has forgotten them by itself.
            let oldest = clock.now() - options.lifetime
            state.withLock { state in state.drops = state.drops.filter { $0.value > oldest } }
            return false
        }
        state.withLock { state in
            for (key, time) in drops where state.drops[key] == time { state.drops[key] = nil }
        }
        return true
    }

    /// Tells the shared cache of every drop, as soon as it can be told, until the task is cancelled.
    package func keepFlushing() async {
        for await _ in dropped.stream {
            while await !flush() {
                // Ends early only by cancellation, which ends everything.
                guard (try? await clock.sleep(for: options.backOff)) != nil else { break }
            }
        }
        // What came last, once: a task that is cancelled can still do this much.
        _ = await flush()
    }

    // MARK: - Flights

    private enum Step {
        case none
        case start(UInt64)
        case finish(Result<Value, any Error>)
    }

    private func join(
        _ key: String, _ waiter: UInt64, _ continuation: CheckedContinuation<Value, any Error>,
        _ accept: @escaping @Sendable (Value) -> Bool, _ load: @escaping Load
    ) {
        let step: Step = state.withLock { state in
            // A cancellation that came before found nobody to wake; a later one finds this waiter.
            if Task.isCancelled { return .finish(.failure(CancellationError())) }
            if let value = state.memory.entry(key, at: clock.now())?.value { return .finish(.success(value)) }
            if let flight = state.current[key] {
                state.flights[flight]?.waiters[waiter] = continuation
                return .none
            }
            guard state.flights.count < options.maximumLoads else {
                return .finish(.failure(CacheError.unavailable("too many loads at once")))
            }
            state.current[key] = waiter
            state.flights[waiter] = Flight(key: key, waiters: [waiter: continuation])
            return .start(waiter)
        }
        switch step {
        case .none: break
        case .finish(let result): continuation.resume(with: result)
        case .start(let flight):
            // Of its own: it belongs to all who wait for it, and must outlive each of them. It ends with its time-out.
            Task { await self.fly(flight, key, accept, load) }
        }
    }

    private func leave(_ key: String, _ waiter: UInt64) {
        let continuation = state.withLock { state -> CheckedContinuation<Value, any Error>? in
            for flight in state.flights.keys where state.flights[flight]?.key == key {
                if let found = state.flights[flight]?.waiters.removeValue(forKey: waiter) { return found }
            }
            return nil
        }
        continuation?.resume(throwing: CancellationError())
    }

    private func fly(
        _ flight: UInt64, _ key: String, _ accept: @Sendable (Value) -> Bool, _ load: Load
    ) async {
        // A value is as old as the question, not as the answer.
        let start = clock.now()
        let result: Result<Value, any Error>
        do {
            result = .success(try await fetch(key, accept, load))
        } catch {
            result = .failure(error)
        }
        let waiters = state.withLock { state in
            if state.current[key] == flight {
                state.current[key] = nil
                if case .success(let value) = result {
                    state.memory.set(key, value, at: clock.now(), until: start + options.memoryLifetime)
                }
            }
            return state.flights.removeValue(forKey: flight)?.waiters ?? [:]
        }
        for waiter in waiters.values { waiter.resume(with: result) }
    }

    // MARK: - Shared cache and source

    private func fetch(
        _ key: String, _ accept: @Sendable (Value) -> Bool, _ load: Load
    ) async throws -> Value {
        let shared = isDistrusted(key) ? nil : shared
        let found = await SharedEntry<Value>.find(
            key, in: shared, leaseLifetime: options.loadTimeout * 2 + .seconds(1)
        ).accepted(accept)
        let age = found.loadedAt.map { clock.now() - $0 }
        if let value = found.value, let age, (.seconds(-5)..<options.freshness).contains(age) { return value }
        guard mayAskSource() else {
            if let value = found.value { return value }
            throw state.withLock { $0.failure?.error } ?? CacheError.unavailable("the source is being asked")
        }
        let value: Value
        let loadedAt = clock.now()
        do {
            value = try await load()
        } catch {
            noteFailure(error)
            if let value = found.value { return value }
            throw error
        }
        state.withLock { $0.failure = nil }
        if let shared, let lease = found.lease {
            await SharedEntry.store(
                value, loadedAt: loadedAt, for: key, inPlaceOf: lease, lifetime: options.lifetime, in: shared)
        }
        return value
    }

    private func isDistrusted(_ key: String) -> Bool {
        state.withLock { state in
            if let until = state.distrustedUntil {
                if clock.now() < until { return true }
                state.distrustedUntil = nil
            }
            return state.drops[key] != nil
        }
    }

    /// Whether to ask: always, but after a failure only one at a time, and not before the back-off is over.
    private func mayAskSource() -> Bool {
        state.withLock { state in
            guard let failure = state.failure else { return true }
            let now = clock.now()
            guard now >= failure.until else { return false }
            state.failure = (failure.error, now + options.loadTimeout + options.backOff)
            return true
        }
    }

    private func noteFailure(_ error: any Error) {
        state.withLock { $0.failure = (error, clock.now() + options.backOff) }
    }
}
