package import SoukErrors

/// What goes along with a call from service to service: who, until when, and on whose behalf in the logs.
///
/// Trace context travels beside it in the task-local `ServiceContext.current`.
package struct CallContext: Sendable {
    /// Ties log lines of one request together, across services.
    package let requestID: String
    /// The user on whose behalf, verified by this process; `nil` for anonymous requests and for the system itself.
    package let principal: Principal?
    /// What proves the principal to another service; `nil` where there is no principal, or none that can be passed on.
    package let proof: AccessToken?
    /// When the caller stops waiting; `nil` for never.
    package let deadline: ContinuousClock.Instant?

    /// A context with these values.
    package init(
        requestID: String, principal: Principal? = nil, proof: AccessToken? = nil,
        deadline: ContinuousClock.Instant? = nil
    ) {
        self.requestID = requestID
        self.principal = principal
        self.proof = proof
        self.deadline = deadline
    }

    /// The same call with an earlier deadline; a later one changes nothing.
    package func limited(to deadline: ContinuousClock.Instant) -> CallContext {
        CallContext(
            requestID: requestID, principal: principal, proof: proof,
            deadline: min(deadline, self.deadline ?? deadline))
    }

    /// The context of work that nobody waits for: a job, a consumer. `name` says which, in the logs. It acts for no user.
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
