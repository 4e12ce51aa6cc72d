/// What sort of failure an error is: the one place that decides HTTP status, gRPC status and retry.
package enum ErrorKind: String, CaseIterable, Sendable {
    /// The request cannot be understood: broken syntax, wrong type, unknown field. 400.
    case invalid
    /// No credentials, or credentials that do not verify. 401.
    case unauthenticated
    /// Known, but not allowed. 403.
    case forbidden
    /// No such thing, or not for this caller to know about. 404.
    case notFound
    /// The present state does not permit it. 409.
    case conflict
    /// A precondition sent along does not hold: `If-Match` names another version. 412.
    case preconditionFailed
    /// More bytes than are taken. 413.
    case tooLarge
    /// A content type that is not spoken here. 415.
    case unsupportedMedia
    /// Understood, but it breaks a rule about the values. 422.
    case unprocessable
    /// A precondition must be sent along and was not. 428.
    case preconditionRequired
    /// Too many requests. 429.
    case rateLimited
    /// Something needed is not there now. 503.
    case unavailable
    /// Not finished by the deadline. 504.
    case timedOut
    /// A defect or a broken machine. 500.
    case internalError

    /// Status of the HTTP response, RFC 9110 and RFC 6585.
    package var httpStatus: Int {
        switch self {
        case .invalid: 400
        case .unauthenticated: 401
        case .forbidden: 403
        case .notFound: 404
        case .conflict: 409
        case .preconditionFailed: 412
        case .tooLarge: 413
        case .unsupportedMedia: 415
        case .unprocessable: 422
        case .preconditionRequired: 428
        case .rateLimited: 429
        case .internalError: 500
        case .unavailable: 503
        case .timedOut: 504
        }
    }

    /// Status code of the gRPC answer, as numbered by `google.rpc.Code`.
    package var grpcCode: Int {
        switch self {
        case .invalid, .unsupportedMedia, .unprocessable: 3  // INVALID_ARGUMENT
        case .timedOut: 4  // DEADLINE_EXCEEDED
        case .notFound: 5  // NOT_FOUND
        case .forbidden: 7  // PERMISSION_DENIED
        case .rateLimited, .tooLarge: 8  // RESOURCE_EXHAUSTED
        case .preconditionFailed, .preconditionRequired: 9  // FAILED_PRECONDITION
        case .conflict: 10  // ABORTED
        case .internalError: 13  // INTERNAL
        case .unavailable: 14  // UNAVAILABLE
        case .unauthenticated: 16  // UNAUTHENTICATED
        }
    }

    /// Whether the same request may succeed later without anybody changing it: retry, instead of
    /// dead-lettering.
    package var isRetryable: Bool {
        switch self {
        case .unavailable, .timedOut, .internalError, .rateLimited: true
        case .invalid, .unauthenticated, .forbidden, .notFound, .conflict, .preconditionFailed, .tooLarge,
            .unsupportedMedia, .unprocessable, .preconditionRequired:
            false
        }
    }
}
