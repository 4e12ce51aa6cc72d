package import SoukTime
import Synchronization

/// A clock that stands still until a test moves it; sleepers wake when it passes their time, earliest first.
package final class ManualClock: WallClock {
    private struct Sleeper {
        let end: Timestamp
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct Watcher {
        let count: Int
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now: Timestamp
        var nextID: UInt64 = 0
        var sleepers: [UInt64: Sleeper] = [:]
        var watchers: [Watcher] = []
    }

    private let state: Mutex<State>

    /// - Parameter start: The time it shows until moved; by default 2026-01-01T00:00:00Z.
    package init(_ start: Timestamp = Timestamp(microseconds: 1_767_225_600_000_000)) {
        state = Mutex(State(now: start))
    }

    package func now() -> Timestamp {
        state.withLock(\.now)
    }

    /// Moves the time forward and wakes those whose time has come; they run after this returns.
    package func advance(by duration: Duration) {
        precondition(duration >= .zero, "a manual clock only moves forward")
        let woken = state.withLock { state in
            state.now = state.now + duration
            let due = state.sleepers.filter { $0.value.end <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.sorted { ($0.value.end, $0.key) < ($1.value.end, $1.key) }.map(\.value.continuation)
        }
        for continuation in woken { continuation.resume() }
    }

    package func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        guard duration > .zero else { return }
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (isCancelled, watchers): (Bool, [Watcher]) = state.withLock { state in
                    // Cancellation before this point found no sleeper; later, it finds this one.
                    if Task.isCancelled { return (true, []) }
                    state.sleepers[id] = Sleeper(end: state.now + duration, continuation: continuation)
                    return (false, Self.satisfiedWatchers(&state))
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
                for watcher in watchers { watcher.continuation.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { $0.sleepers.removeValue(forKey: id) }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Returns once at least this many tasks sleep on the clock, so that a test moves it only when all are ready.
    package func sleepers(atLeast count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let isSatisfied = state.withLock { state in
                if state.sleepers.count >= count { return true }
                state.watchers.append(Watcher(count: count, continuation: continuation))
                return false
            }
            if isSatisfied { continuation.resume() }
        }
    }

    private static func satisfiedWatchers(_ state: inout State) -> [Watcher] {
        let count = state.sleepers.count
        let satisfied = state.watchers.filter { $0.count <= count }
        state.watchers.removeAll { $0.count <= count }
        return satisfied
    }
}
