package import SoukCallContext
package import SoukErrors
package import SoukPagination

/// What an operator sees and does about a service's events, wherever the service runs.
package protocol EventAdministration: Sendable {
    /// The service that publishes and consumes.
    var service: String { get }

    /// How far the service has got.
    ///
    /// - Throws: ``EventAdministrationError/unavailable(_:)``.
    func summary(_ context: CallContext) async throws(EventAdministrationError) -> EventSummary

    /// Newest first; their payloads may be left out: one that is asked for by its id has it.
    ///
    /// - Throws: ``EventAdministrationError/unavailable(_:)``.
    func deadLetters(
        _ page: PageRequest, _ context: CallContext
    ) async throws(EventAdministrationError) -> Page<DeadLetter>

    /// Nil when there is none with this id (any more).
    ///
    /// - Throws: ``EventAdministrationError/unavailable(_:)``.
    func deadLetter(id: String, _ context: CallContext) async throws(EventAdministrationError) -> DeadLetter?

    /// Has the running consumer process a dead letter again, with the same event id, once; it is gone when
    /// that succeeded, and otherwise stays with one more attempt. Repeating this is harmless. Events of its
    /// key that came later have been processed by then. False when there is none with this id.
    ///
    /// - Throws: ``EventAdministrationError/unavailable(_:)``.
    func redrive(id: String, _ context: CallContext) async throws(EventAdministrationError) -> Bool

    /// Redrives all, oldest first; where one fails again, later ones of its key stay as they are. Returns how
    /// many were not being redriven already.
    ///
    /// - Throws: ``EventAdministrationError/unavailable(_:)``.
    func redriveAll(_ context: CallContext) async throws(EventAdministrationError) -> Int

    /// Deletes a dead letter for good; its event counts as processed. False when there is none with this id.
    ///
    /// - Throws: ``EventAdministrationError/unavailable(_:)``.
    func discard(id: String, _ context: CallContext) async throws(EventAdministrationError) -> Bool
}

/// How far a service has got with its events.
package struct EventSummary: Sendable, Hashable {
    /// Events that are committed and not published.
    package let outboxDepth: Int
    /// By topic, the messages that the service has not processed; empty for a service that consumes nothing.
    package let lag: [String: Int]
    /// Dead letters by the code of their last failure; no code without any.
    package let deadLettersByError: [String: Int]

    /// Dead letters in all.
    package var deadLetters: Int { deadLettersByError.values.reduce(0, +) }

    package init(outboxDepth: Int, lag: [String: Int], deadLettersByError: [String: Int]) {
        self.outboxDepth = outboxDepth
        self.lag = lag
        self.deadLettersByError = deadLettersByError
    }
}

package enum EventAdministrationError: SoukError {
    /// The service, its database or its broker can't be reached now; the text is for logs.
    case unavailable(String)

    package var kind: ErrorKind { .unavailable }
    package var code: String { "events.unavailable" }
    package var message: String { "The events of this service can't be reached right now." }
    package var detail: String? {
        switch self {
        case .unavailable(let detail): detail
        }
    }
    package var retryAfter: Duration? { .seconds(5) }
}
