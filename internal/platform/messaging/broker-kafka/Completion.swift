import Synchronization

/// An event that happens once, awaited by any number of tasks.
final class Completion: Sendable {
    private struct State {
        var hasHappened = false
        var lastNumber = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    func finish() {
        let waiters = state.withLock { state in
            state.hasHappened = true
            defer { state.waiters = [:] }
            return state.waiters.values.map { $0 }
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits until it has happened or the task is cancelled.
    func wait() async {
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                // Cancellation before this point found nobody to wake, and is seen here.
                let isOver = state.withLock { state in
                    guard !state.hasHappened, !Task.isCancelled else { return true }
                    state.waiters[number] = waiter
                    return false
                }
                if isOver { waiter.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }

    /// Waits for at most the time; says whether it has happened.
    func wait(atMost time: Duration) async -> Bool {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.wait() }
            // Throws when cancelled only, and then the wait is over.
            tasks.addTask { try? await Task.sleep(for: time) }
            await tasks.next()
            tasks.cancelAll()
        }
        return state.withLock { $0.hasHappened }
    }
}
