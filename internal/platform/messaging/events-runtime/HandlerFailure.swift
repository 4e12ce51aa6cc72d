import SoukDatabase
import SoukErrors

/// What is to be done about an error that came out of a handler's transaction.
enum HandlerFailure {
    /// The database is away, or the process is stopping: the event has not had its chance, try again without
    /// counting.
    case outage
    /// It may go better next time.
    case retryable
    /// It will go the same way every time.
    case permanent

    init(_ error: any Error) {
        switch error {
        case let error as DatabaseError where Self.isOutage(error.reason): self = .outage
        case is CancellationError: self = .outage
        case let error as any SoukError: self = error.kind.isRetryable ? .retryable : .permanent
        default: self = .retryable
        }
    }

    private static func isOutage(_ reason: DatabaseError.Reason) -> Bool {
        switch reason {
        case .busy, .full, .corrupt, .readOnly, .connection, .closed, .cancelled: true
        case .uniqueViolation, .checkViolation, .foreignKeyViolation, .notNullViolation, .raised, .syntax,
            .decoding,
            .nested, .other:
            false
        }
    }
}
