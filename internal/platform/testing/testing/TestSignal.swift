import Synchronization

/// An event that happens once; tests await it instead of sleeping. Cancellation does not end the wait.
package final class TestSignal: Sendable {
    private enum State {
        case pending([CheckedContinuation<Void, Never>])
        case happened
    }

    private let state = Mutex(State.pending([]))

    package init() {}

    /// Wakes all who wait, and lets later ones pass. Idempotent.
    package func fire() {
        let waiters: [CheckedContinuation<Void, Never>] = state.withLock { state in
            guard case .pending(let waiters) = state else { return [] }
            state = .happened
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Whether it has happened.
    package var hasFired: Bool {
        state.withLock { if case .happened = $0 { true } else { false } }
    }

    /// Returns once it has happened.
    package func wait() async {
        await withCheckedContinuation { continuation in
            let hasFired = state.withLock { state in
                guard case .pending(let waiters) = state else { return true }
                state = .pending(waiters + [continuation])
                return false
            }
            if hasFired { continuation.resume() }
        }
    }
}
