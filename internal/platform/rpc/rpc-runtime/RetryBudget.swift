import Synchronization

/// Stops retries while many calls fail, so that they don't bring down a peer that is slow: the token bucket of gRPC's
/// retry throttling (proposal A6), one for each peer.
final class RetryBudget: Sendable {
    private static let capacity = 100.0
    /// What a success gives back; a failure takes one.
    private static let refund = 0.5

    private let tokens = Mutex(capacity)

    func recordSuccess() { tokens.withLock { $0 = min(Self.capacity, $0 + Self.refund) } }

    /// Whether the call that failed may be tried again: more than half of the tokens are left.
    func recordFailure() -> Bool {
        tokens.withLock {
            $0 = max(0, $0 - 1)
            return $0 > Self.capacity / 2
        }
    }
}
