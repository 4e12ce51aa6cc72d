import Foundation

/// Tells the time of day and waits; injected so that tests decide what time it is.
///
/// Implementations are safe to use from any task.
package protocol WallClock: Sendable {
    /// The present instant. May step backwards when the machine's clock is corrected.
    func now() -> Timestamp

    /// Returns when `duration` has passed; at once when it is zero or negative.
    ///
    /// Throws: `CancellationError` as soon as the task is cancelled.
    func sleep(for duration: Duration) async throws
}

/// The machine's own clock. Sleeping follows the continuous clock, so corrections of the time of day don't
/// matter.
package struct SystemClock: WallClock {
    /// A clock without state; all instances are the same.
    package init() {}

    package func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }

    package func sleep(for duration: Duration) async throws {
        try await Task.sleep(for: duration, clock: .continuous)
    }
}
