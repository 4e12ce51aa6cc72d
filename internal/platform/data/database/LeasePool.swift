package import SoukTime
import Synchronization

/// Lends a fixed set of resources, one holder at a time each, in order of arrival.
package final class LeasePool<Resource: Sendable>: Sendable {
    private typealias Waiter = CheckedContinuation<Result<Resource, DatabaseError>, Never>
    private typealias Closer = CheckedContinuation<Void, Never>

    private struct State {
        var queue: LeaseQueue<Resource, Waiter, Closer>
        var nextID: UInt64 = 0
    }

    private let name: String
    private let acquireTimeout: Duration?
    private let clock: any WallClock
    private let state: Mutex<State>

    /// - Parameters:
    ///   - name: What is lent, for messages: `writer`.
    ///   - waiterLimit: How many may wait; one more is refused.
    ///   - acquireTimeout: How long each may wait; nil for as long as it takes.
    package init(
        _ name: String, _ resources: [Resource], waiterLimit: Int, acquireTimeout: Duration? = nil,
        clock: any WallClock = SystemClock()
    ) {
        self.name = name
        self.acquireTimeout = acquireTimeout
        self.clock = clock
        state = Mutex(State(queue: LeaseQueue(resources, waiterLimit: waiterLimit)))
    }

    /// Waits for a resource; the caller gives it back with ``release(_:)``. The one that came back last is lent
    /// first.
    ///
    /// - Throws: `.busy` when too many wait or the wait takes too long, `.closed`, `.cancelled`.
    package func acquire() async throws(DatabaseError) -> Resource {
        let (idle, id) = state.withLock { state in
            state.nextID += 1
            return (state.queue.acquireIdle(), state.nextID)
        }
        if let idle { return idle }
        guard let acquireTimeout else { return try await wait(id).get() }
        let result = await withTaskGroup { group in
            group.addTask {
                // Cancelled as soon as the wait is over.
                guard (try? await self.clock.sleep(for: acquireTimeout)) != nil else { return }
                self.turnAway(
                    id, DatabaseError(.busy, detail: "waited \(acquireTimeout) for the \(self.name)"))
            }
            let result = await wait(id)
            group.cancelAll()
            return result
        }
        return try result.get()
    }

    private func wait(_ id: UInt64) async -> Result<Resource, DatabaseError> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { enqueue(id: id, $0) }
        } onCancel: {
            turnAway(id, Self.cancelled)
        }
    }

    private func turnAway(_ id: UInt64, _ error: DatabaseError) {
        let waiter = state.withLock { $0.queue.cancel(id: id) }
        waiter?.resume(returning: .failure(error))
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
    package func release(_ resource: Resource) {
        switch state.withLock({ $0.queue.release(resource) }) {
        case .handOver(let resource, let waiter): waiter.resume(returning: .success(resource))
        case .drained(let closers): for closer in closers { closer.resume() }
        case .idle: break
        }
    }

    /// How many wait just now.
    package var waiting: Int { state.withLock { $0.queue.waitingCount } }

    /// Gives a resource to the next who waits; false where nobody does, and the caller still has it.
    package func handOver(_ resource: Resource) -> Bool {
        guard let waiter = state.withLock({ $0.queue.nextWaiter() }) else { return false }
        waiter.resume(returning: .success(resource))
        return true
    }

    /// Turns away all who wait and returns once everything lent is back. Idempotent.
    package func close() async {
        for waiter in state.withLock({ $0.queue.close() }) { waiter.resume(returning: .failure(Self.closed)) }
        await withCheckedContinuation { closer in
            let isDrained = state.withLock { $0.queue.isDrained(orWake: closer) }
            if isDrained { closer.resume() }
        }
    }

    /// The resources, for good, once ``close()`` has returned; empty for all callers but the first.
    package func takeAll() -> [Resource] {
        state.withLock { $0.queue.takeAll() }
    }

    private static var closed: DatabaseError { DatabaseError(.closed, detail: "the database is closed") }
    private static var cancelled: DatabaseError {
        DatabaseError(.cancelled, detail: "cancelled while waiting for a connection")
    }
}
