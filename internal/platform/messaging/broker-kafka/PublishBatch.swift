import SoukBroker
import Synchronization

/// The messages of one call of `publish` on their way: counts the delivery reports.
final class PublishBatch: Sendable {
    private struct State {
        var remaining: Int
        var failure: BrokerError?
        var continuation: CheckedContinuation<BrokerError?, Never>?
    }

    let count: Int
    let bytes: Int
    let deadline: ContinuousClock.Instant
    private let state: Mutex<State>

    init(count: Int, bytes: Int, deadline: ContinuousClock.Instant) {
        self.count = count
        self.bytes = bytes
        self.deadline = deadline
        state = Mutex(State(remaining: count))
    }

    /// Messages got their report, or never went out; the first failure is the call's. True for the last one.
    func settle(_ failure: BrokerError?, count: Int = 1) -> Bool {
        let (isLast, continuation, failure) = state.withLock { state in
            state.remaining -= count
            if state.failure == nil { state.failure = failure }
            let isLast = state.remaining == 0
            let continuation = isLast ? state.continuation : nil
            if isLast { state.continuation = nil }
            return (isLast, continuation, state.failure)
        }
        continuation?.resume(returning: failure)
        return isLast
    }

    /// Waits for the last report. A cancelled caller waits as well: what is on its way cannot be called back.
    ///
    /// - Throws: The first failure.
    func result() async throws(BrokerError) {
        let failure = await withCheckedContinuation { continuation in
            let done: BrokerError?? = state.withLock { state in
                guard state.remaining > 0 else { return .some(state.failure) }
                state.continuation = continuation
                return nil
            }
            if let done { continuation.resume(returning: done) }
        }
        if let failure { throw failure }
    }
}
