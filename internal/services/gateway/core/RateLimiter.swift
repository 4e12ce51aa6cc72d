import Synchronization

/// Limits how often each client may call: the generic cell rate algorithm (ITU-T I.371, Annex A), which needs one
/// instant per client and lets a full window's quota through at once.
///
/// Safe from any thread. Remembers at most `capacity` clients; beyond that those that are back at their full quota go
/// first, and if they are fewer than a tenth, arbitrary others start afresh to make it one.
final class RateLimiter: Sendable {
    /// What a client may still do.
    struct Decision: Equatable, Sendable {
        let isAllowed: Bool
        /// Calls left right now.
        let remaining: Int
        /// Until the quota is full again.
        let reset: Duration
        /// How long to wait for the next call; zero if it was allowed.
        let retryAfter: Duration
    }

    let quota: Int
    let window: Duration
    private let interval: Duration
    private let capacity: Int
    /// Client → when its quota is full again (the theoretical arrival time of the algorithm).
    private let fullAt = Mutex<[String: ContinuousClock.Instant]>([:])

    /// - Parameters:
    ///   - quota: calls per window, at least 1.
    ///   - window: positive.
    init(quota: Int, window: Duration, capacity: Int = 100_000) {
        precondition(quota > 0 && window > .zero && capacity > 0)
        self.quota = quota
        self.window = window
        self.capacity = capacity
        interval = window / quota
    }

    /// Clients that are remembered.
    var count: Int { fullAt.withLock { $0.count } }

    func admit(_ client: String, at now: ContinuousClock.Instant = .now) -> Decision {
        fullAt.withLock { fullAt in
            let full = max(fullAt[client] ?? now, now)
            let next = full.advanced(by: interval)
            let debt = now.duration(to: next)
            guard debt <= window else {
                return Decision(
                    isAllowed: false, remaining: 0, reset: now.duration(to: full), retryAfter: debt - window)
            }
            if fullAt[client] == nil, fullAt.count >= capacity { makeRoom(in: &fullAt, at: now) }
            fullAt[client] = next
            return Decision(
                isAllowed: true, remaining: Int((window - debt) / interval), reset: debt, retryAfter: .zero)
        }
    }

    private func makeRoom(
        in fullAt: inout [String: ContinuousClock.Instant], at now: ContinuousClock.Instant
    ) {
        fullAt = fullAt.filter { $0.value > now }
        // A tenth, so that not every newcomer pays for a look at all of them.
        let surplus = fullAt.count - (capacity - max(capacity / 10, 1))
        for client in fullAt.keys.prefix(max(surplus, 0)) { fullAt[client] = nil }
    }
}
