import SoukTime

/// How long to wait before asking again.
package enum Backoff {
    /// `base` doubled for every attempt made, at most `cap`, and up to a quarter less at random so that those who failed
    /// together don't come back together.
    ///
    /// - Parameter attempt: attempts made before, from 0.
    package static func delay(attempt: Int, base: Duration, cap: Duration) -> Duration {
        var delay = base
        for _ in 0..<max(0, min(attempt, 60)) where delay < cap { delay = delay * 2 }
        let bounded = min(delay, cap).wholeMicroseconds
        return .microseconds(bounded - Int64.random(in: 0...max(0, bounded / 4)))
    }
}
