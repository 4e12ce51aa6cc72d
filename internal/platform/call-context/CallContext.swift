package import SoukErrors

/// What goes along with a call from service to service: who, until when, and on whose behalf in the logs.
///
/// Trace context travels beside it in the task-local `ServiceContext.current`.
package struct CallContext: Sendable {
    /// Ties log lines of one request together, across services.
    package let requestID: String
    /// The caller; `nil` for anonymous requests and for the system itself.
    package let principal: Principal?
    /// When the caller stops waiting; `nil` for never.
    package let deadline: ContinuousClock.Instant?

    /// A context with these values.
    package init(requestID: String, principal: Principal? = nil, deadline: ContinuousClock.Instant? = nil) {
        self.requestID = requestID
        self.principal = principal
        self.deadline = deadline
    }

    /// The context of work that nobody waits for: a job, a consumer. `name` says which, in the logs.
    package static func background(_ name: String) -> CallContext {
        CallContext(requestID: name)
    }

    /// Stops work that nobody waits for any more.
    ///
    /// Throws: `ServiceError` of kind `.timedOut`, code `deadline.exceeded`, when the deadline has passed.
    package func checkDeadline() throws(ServiceError) {
        guard let deadline, deadline <= .now else { return }
        throw .deadlineExceeded()
    }
}

extension ServiceError {
    /// 504 `deadline.exceeded`.
    package static func deadlineExceeded(detail: String? = nil) -> ServiceError {
        ServiceError(
            .timedOut, code: "deadline.exceeded", message: "The request took too long.", detail: detail)
    }
}
