import SoukBroker
import Synchronization

/// The answer to one call, given once; what comes later is dropped.
final class Outcome<Value: Sendable>: Sendable {
    private enum State {
        case open(CheckedContinuation<Result<Value, BrokerError>, Never>?)
        case resolved(Result<Value, BrokerError>)
    }

    private let state = Mutex(State.open(nil))

    var isResolved: Bool {
        state.withLock { if case .resolved = $0 { true } else { false } }
    }

    func resolve(_ result: Result<Value, BrokerError>) {
        let continuation: CheckedContinuation<Result<Value, BrokerError>, Never>? = state.withLock { state in
            guard case .open(let continuation) = state else { return nil }
            state = .resolved(result)
            return continuation
        }
        continuation?.resume(returning: result)
    }

    /// Waits for the answer, and gives up after the time-out or when the task is cancelled: then the answer is
    /// ``BrokerError/Reason/unavailable``.
    ///
    /// - Parameter late: Called after the time-out.
    func value(
        within timeout: Duration, _ what: String, late: @escaping @Sendable () -> Void
    ) async throws(BrokerError) -> Value {
        let result = await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                guard (try? await Task.sleep(for: timeout)) != nil else { return }
                self.resolve(
                    .failure(BrokerError(.unavailable, detail: "\(what): no answer within \(timeout)")))
                late()
            }
            let result = await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let resolved: Result<Value, BrokerError>? = state.withLock { state in
                        guard case .resolved(let result) = state else {
                            state = .open(continuation)
                            return nil
                        }
                        return result
                    }
                    if let resolved { continuation.resume(returning: resolved) }
                }
            } onCancel: {
                resolve(.failure(BrokerError(.unavailable, detail: "\(what): the task was cancelled")))
            }
            tasks.cancelAll()
            return result
        }
        return try result.get()
    }
}
