/// How many requests run at one time, and how many wait for their turn. Holds numbers only: who waits, in which order and for
/// how long is the caller's. Not for concurrent use.
struct ConcurrencyGate: Sendable {
    enum Entry: Sendable, Equatable {
        /// Go on, and ``leave()`` at the end.
        case admitted
        /// Wait until some ``leave()`` hands over its place, or ``abandonQueue()``.
        case queued
        /// Answer 503.
        case refused
    }

    private let limit: Int
    private let queue: Int
    private(set) var running = 0
    private(set) var waiting = 0

    /// - Parameter loops: how many gates the policy's numbers are divided among. Rounded up, so a limit that isn't a multiple is
    ///   exceeded by at most `loops - 1`.
    init(_ policy: ConcurrencyPolicy, loops: Int = 1) {
        limit = max((policy.limit + loops - 1) / loops, 1)
        queue = (policy.queue + loops - 1) / loops
    }

    mutating func enter() -> Entry {
        // Who waits was there before.
        if running < limit, waiting == 0 {
            running += 1
            return .admitted
        }
        guard waiting < queue else { return .refused }
        waiting += 1
        return .queued
    }

    /// A request is over. True where its place is handed over: the caller lets the one run that waits longest.
    mutating func leave() -> Bool {
        precondition(running > 0, "who leaves has entered")
        guard waiting > 0 else {
            running -= 1
            return false
        }
        waiting -= 1
        return true
    }

    /// One that waited goes away without having run.
    mutating func abandonQueue() {
        precondition(waiting > 0, "who goes has waited")
        waiting -= 1
    }
}
