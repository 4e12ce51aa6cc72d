import SoukDatabase
import Synchronization

/// One transaction of SQLite's in which several of ours run one after the other, each behind a savepoint, and become durable
/// together: the disk is waited for once. Nobody learns how his own ended before that.
///
/// A new one begins only while another waits for the writer, so a transaction that comes alone is committed at once.
final class CommitGroup: Sendable {
    private typealias Waiter = CheckedContinuation<Result<Void, DatabaseError>, Never>

    private struct State {
        var members = 1
        var outcome: Result<Void, DatabaseError>?
        var waiters: [Waiter] = []
    }

    private static let mostMembers = 32

    private let began = ContinuousClock.Instant.now
    private let state = Mutex(State())

    /// - Parameter window: The first to come wait for others that long, and no longer.
    func takesMore(within window: Duration) -> Bool {
        state.withLock { $0.members < Self.mostMembers } && .now < began + window
    }

    func join() {
        state.withLock { $0.members += 1 }
    }

    /// The transaction is over.
    func finish(_ outcome: Result<Void, DatabaseError>) {
        let waiters = state.withLock { state in
            state.outcome = outcome
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: outcome) }
    }

    /// Waits for the transaction's end, whether or not the task is cancelled.
    ///
    /// - Throws: Why it was not committed; then nothing of it is there.
    func outcome() async throws(DatabaseError) {
        let result = await withCheckedContinuation { (waiter: Waiter) in
            let outcome = state.withLock { state in
                if state.outcome == nil { state.waiters.append(waiter) }
                return state.outcome
            }
            if let outcome { waiter.resume(returning: outcome) }
        }
        try result.get()
    }
}
