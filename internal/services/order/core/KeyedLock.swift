import Synchronization

/// Lets one task at a time work under a key; others wait in order of arrival.
///
/// Within this process only. The queue is as long as there are waiting requests, which the server bounds.
final class KeyedLock<Key: Hashable & Sendable>: Sendable {
    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var nextID: UInt64 = 0
        /// A key that is held has an entry, be it without waiters.
        var queues: [Key: [Waiter]] = [:]
    }

    private let state = Mutex(State())

    /// Runs the body when no other one runs under the key.
    ///
    /// - Throws: What the body throws; `CancellationError` when the task is cancelled while it waits.
    func withLock<T>(_ key: Key, _ body: () async throws -> T) async throws -> T {
        try await acquire(key)
        defer { release(key) }
        return try await body()
    }

    private func acquire(_ key: Key) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    // Cancelled before this point, the handler below found no waiter; later, it finds this one.
                    if Task.isCancelled { return .failure(CancellationError()) }
                    guard state.queues[key] != nil else {
                        state.queues[key] = []
                        return .success(())
                    }
                    state.queues[key]?.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.queues[key]?.firstIndex(where: { $0.id == id }) else { return nil }
                return state.queues[key]?.remove(at: index)
            }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }

    private func release(_ key: Key) {
        let next = state.withLock { state -> Waiter? in
            guard state.queues[key]?.isEmpty == false else {
                state.queues[key] = nil
                return nil
            }
            return state.queues[key]?.removeFirst()
        }
        next?.continuation.resume()
    }
}
