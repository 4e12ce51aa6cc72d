/// How often and when a failed handler is tried again.
package struct RetryPolicy: Sendable, Hashable {
    /// Attempts in all, the first included; then the event becomes a dead letter.
    package var maximumAttempts: Int
    /// The longest wait after the first failure; it doubles with each.
    package var initialDelay: Duration
    /// No wait is longer.
    package var maximumDelay: Duration

    package init(
        maximumAttempts: Int = 8, initialDelay: Duration = .milliseconds(200),
        maximumDelay: Duration = .seconds(30)
    ) {
        precondition(maximumAttempts > 0, "a handler is tried at least once")
        precondition(initialDelay >= .zero && maximumDelay >= .zero, "waits are not negative")
        self.maximumAttempts = maximumAttempts
        self.initialDelay = initialDelay
        self.maximumDelay = maximumDelay
    }

    /// The longest wait after this many failures.
    func ceiling(afterFailures failures: Int) -> Duration {
        let doublings = min(max(failures - 1, 0), 40)
        return min(initialDelay * (1 << doublings), maximumDelay)
    }

    /// The wait after this many failures, drawn evenly between nothing and the ceiling ("full jitter"), so
    /// that what failed together does not come back together.
    func delay(afterFailures failures: Int) -> Duration {
        ceiling(afterFailures: failures) * Double.random(in: 0...1)
    }
}
