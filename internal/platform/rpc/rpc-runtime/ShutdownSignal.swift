/// Tells one waiting task that shutdown has begun.
final class ShutdownSignal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    /// Lets the waiting task go on.
    func begin() { continuation.finish() }

    /// Returns when shutdown has begun.
    ///
    /// Throws: `CancellationError`.
    func begun() async throws {
        for await _ in stream {}
        try Task.checkCancellation()
    }
}
