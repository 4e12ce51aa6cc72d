import SoukCallContext
import SoukErrors
import SoukTime

/// Tries again what may succeed later, while somebody waits.
struct StepRetry: Sendable {
    let clock: any WallClock
    /// At least 1.
    let attempts: Int
    /// The wait before the second attempt; grows with each.
    let delay: Duration

    /// - Throws: What the last attempt threw; `deadline.exceeded` when the caller stopped waiting.
    func callAsFunction<T, E: SoukError>(
        _ context: CallContext, _ call: () async throws(E) -> T
    ) async throws -> T {
        var attempt = 1
        while true {
            try context.checkDeadline()
            do throws(E) {
                return try await call()
            } catch {
                guard error.kind.isRetryable, attempt < attempts else { throw error }
            }
            try await clock.sleep(for: delay * attempt)
            attempt += 1
        }
    }
}
