import SoukDatabase

/// When to run a transaction again that got in others' way: pure state of one call.
struct RetryBackoff {
    private let attemptLimit: Int
    private let end: ContinuousClock.Instant
    private(set) var attempts = 1

    init(attemptLimit: Int, timeout: Duration, now: ContinuousClock.Instant) {
        self.attemptLimit = attemptLimit
        end = now + timeout
    }

    /// After a failed attempt: how long to wait before the next one, or nil when it is enough.
    ///
    /// Between nothing and 2 ms, doubling to 100 ms: those who met once do not meet again in step.
    mutating func next(
        now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> Duration? {
        guard attempts < attemptLimit, now < end else { return nil }
        let most = Duration.milliseconds(min(100, 1 << min(attempts, 7)))
        attempts += 1
        return most * Double.random(in: 0..<1, using: &random)
    }
}

/// When to try a server again that could not be reached: pure state that all connections of a pool share.
///
/// One tries at a time; meanwhile, and until the next try, all others learn at once why the last one failed.
struct ConnectBackoff {
    enum Admission {
        case go
        case refused(DatabaseError)
    }

    private var failures = 0
    private var last: DatabaseError?
    private var nextTry: ContinuousClock.Instant?

    /// Whether the last try failed.
    var isAway: Bool { last != nil }

    /// - Parameter patience: After this time somebody who tries is taken to have given up.
    mutating func admit(now: ContinuousClock.Instant, patience: Duration) -> Admission {
        guard let last, let nextTry else { return .go }
        guard now >= nextTry else { return .refused(last) }
        self.nextTry = now + patience
        return .go
    }

    mutating func succeed() {
        self = ConnectBackoff()
    }

    /// The next try comes after 50 ms, doubling to 2 s, less up to a half.
    mutating func fail(
        _ error: DatabaseError, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        let delay = Duration.milliseconds(min(2_000, 50 << min(failures, 6)))
        failures += 1
        last = error
        nextTry = now + delay * Double.random(in: 0.5..<1, using: &random)
    }
}
