import SoukDatabase
import Synchronization

/// Lends a fixed set of resources, one holder at a time each, in order of arrival.
final class LeasePool<Resource: Sendable>: Sendable {
    private typealias Waiter = CheckedContinuation<Result<Resource, DatabaseError>, Never>
    private typealias Closer = CheckedContinuation<Void, Never>

    private struct State {
        var queue: LeaseQueue<Resource, Waiter, Closer>
        var nextID: UInt64 = 0
    }

    private let name: String
    private let state: Mutex<State>

    /// - Parameter name: What is lent, for messages: `writer`.
    init(_ name: String, _ resources: [Resource], waiterLimit: Int) {
        self.name = name
        state = Mutex(State(queue: LeaseQueue(resources, waiterLimit: waiterLimit)))
    }

    /// Waits for a resource; the caller gives it back with ``release(_:)``.
    ///
    /// - Throws: `.busy` when too many wait, `.closed`, `.cancelled`.
    func acquire() async throws(DatabaseError) -> Resource {
        let (idle, id) = state.withLock { state in
            state.nextID += 1
            return (state.queue.acquireIdle(), state.nextID)
        }
        if let idle { return idle }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { enqueue(id: id, $0) }
        } onCancel: {
            let waiter = state.withLock { $0.queue.cancel(id: id) }
            waiter?.resume(returning: .failure(Self.cancelled))
        }
        return try result.get()
    }

    private func enqueue(id: UInt64, _ waiter: Waiter) {
        // Cancellation before this point found nobody to wake, and is seen here; later, it finds the waiter.
        let result: Result<Resource, DatabaseError>? = state.withLock { state in
            if Task.isCancelled { return .failure(Self.cancelled) }
            switch state.queue.acquire(id: id, waiter: waiter) {
            case .granted(let resource): return .success(resource)
            case .waiting: return nil
            case .refused:
                return .failure(DatabaseError(.busy, detail: "too many calls wait for the \(name)"))
            case .closed: return .failure(Self.closed)
            }
        }
        if let result { waiter.resume(returning: result) }
    }

    /// Gives a resource back, to the next who waits.
    func release(_ resource: Resource) {
        switch state.withLock({ $0.queue.release(resource) }) {
        case .handOver(let resource, let waiter): waiter.resume(returning: .success(resource))
        case .drained(let closers): for closer in closers { closer.resume() }
        case .idle: break
        }
    }

    /// Turns away all who wait and returns once everything lent is back. Idempotent.
    func close() async {
        for waiter in state.withLock({ $0.queue.close() }) { waiter.resume(returning: .failure(Self.closed)) }
        await withCheckedContinuation { closer in
            let isDrained = state.withLock { $0.queue.isDrained(orWake: closer) }
            if isDrained { closer.resume() }
        }
    }

    /// The resources, for good; empty for all callers but the first.
    func takeAll() -> [Resource] {
        state.withLock { $0.queue.takeAll() }
    }

    private static var closed: DatabaseError { DatabaseError(.closed, detail: "the database is closed") }
    private static var cancelled: DatabaseError {
        DatabaseError(.cancelled, detail: "cancelled while waiting for a connection")
    }
}
