import SoukTime
import Synchronization

/// Wakes waiting tasks. A signal given while nobody waits is kept for the next wait; several count as one.
final class Wakeup: Sendable {
    private struct State {
        var isSignalled = false
        var isFinished = false
        var lastID: UInt64 = 0
        /// As many as there are loops in a service: one or two.
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]

        mutating func takeWaiters() -> [CheckedContinuation<Void, Never>] {
            defer { waiters = [:] }
            return Array(waiters.values)
        }
    }

    private let state = Mutex(State())

    /// No wait suspends any more.
    var isFinished: Bool { state.withLock { $0.isFinished } }

    func signal() {
        let waiters = state.withLock { state in
            state.isSignalled = state.waiters.isEmpty
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.resume() }
    }

    func finish() {
        let waiters = state.withLock { state in
            state.isFinished = true
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns at a signal, once finished, or when the task is cancelled.
    func wait() async {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let suspends = state.withLock { state in
                    // A cancellation before this found no waiter.
                    guard !state.isFinished, !Task.isCancelled else { return false }
                    guard !state.isSignalled else {
                        state.isSignalled = false
                        return false
                    }
                    state.waiters[id] = continuation
                    return true
                }
                if !suspends { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.resume()
        }
    }

    /// As ``wait()``, and at the latest after the duration.
    func wait(atMost duration: Duration, _ clock: any WallClock) async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.wait() }
            // Throws when cancelled only, and then the wait is over too.
            tasks.addTask { try? await clock.sleep(for: duration) }
            await tasks.next()
            tasks.cancelAll()
        }
    }
}
