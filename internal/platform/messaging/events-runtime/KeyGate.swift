import Synchronization

/// Lets one task at a time work on a key, in order of arrival: a redrive must not run beside a fresh event of
/// its key.
final class KeyGate: Sendable {
    struct Key: Hashable, Comparable {
        let topic: String
        let key: String

        static func < (one: Key, other: Key) -> Bool { (one.topic, one.key) < (other.topic, other.key) }
    }

    /// For each key in use, who waits for it. Bounded by the tasks there are: the workers and one redrive.
    private let waiting = Mutex<[Key: [CheckedContinuation<Void, Never>]]>([:])

    /// Runs the body when its turn has come. Messages without a key need no turn.
    func withTurn<R>(_ key: Key, _ body: () async throws -> R) async rethrows -> R {
        guard !key.key.isEmpty else { return try await body() }
        await enter(key)
        defer { leave(key) }
        return try await body()
    }

    /// Runs the body when its turn has come for all of the keys.
    func withTurns<R>(_ keys: some Collection<Key>, _ body: () async throws -> R) async rethrows -> R {
        // In one order, so that no two wait for each other.
        let keys = Set(keys.filter { !$0.key.isEmpty }).sorted()
        for key in keys { await enter(key) }
        defer { for key in keys { leave(key) } }
        return try await body()
    }

    private func enter(_ key: Key) async {
        await withCheckedContinuation { continuation in
            let isFree = waiting.withLock { waiting in
                guard waiting[key] != nil else {
                    waiting[key] = []
                    return true
                }
                waiting[key]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func leave(_ key: Key) {
        let next: CheckedContinuation<Void, Never>? = waiting.withLock { waiting in
            guard var queue = waiting[key], !queue.isEmpty else {
                waiting[key] = nil
                return nil
            }
            let next = queue.removeFirst()
            waiting[key] = queue
            return next
        }
        next?.resume()
    }
}
