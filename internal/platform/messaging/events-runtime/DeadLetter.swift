import SoukErrors
package import SoukTime

/// A message that a consumer could not process, kept for somebody to look at: redrive it, or discard it.
package struct DeadLetter: Sendable, Hashable {
    package enum Status: String, Sendable, CaseIterable {
        /// Waits for somebody.
        case dead
        /// Is to be processed again by the running consumer.
        case redriving
    }

    /// The dead letter's own id, a UUIDv7.
    package let id: String
    /// The service that could not process it.
    package let consumer: String
    /// The CloudEvents `id`; the broker's message id where the message is not an event.
    package let eventID: String
    /// The CloudEvents `type`; nil where the message is not an event.
    package let type: String?
    package let topic: String
    package let key: String
    /// As received.
    package let headers: [String: String]
    /// As received.
    package let payload: [UInt8]
    /// The stable code of the last failure: ``SoukErrors/SoukError/code``, or `unknown`.
    package let errorCode: String
    /// The last failure, for people; at most 2,000 characters.
    package let error: String
    /// How often it was tried, redrives included.
    package let attempts: Int
    package let firstFailedAt: Timestamp
    package let lastFailedAt: Timestamp
    package let status: Status

    package init(
        id: String, consumer: String, eventID: String, type: String?, topic: String, key: String,
        headers: [String: String], payload: [UInt8], errorCode: String, error: String, attempts: Int,
        firstFailedAt: Timestamp, lastFailedAt: Timestamp, status: Status
    ) {
        self.id = id
        self.consumer = consumer
        self.eventID = eventID
        self.type = type
        self.topic = topic
        self.key = key
        self.headers = headers
        self.payload = payload
        self.errorCode = errorCode
        self.error = error
        self.attempts = attempts
        self.firstFailedAt = firstFailedAt
        self.lastFailedAt = lastFailedAt
        self.status = status
    }
}

/// What a dead letter says about an error.
struct FailureDescription: Sendable {
    let code: String
    let text: String

    init(_ error: any Error) {
        if let error = error as? any SoukError {
            code = error.code
            text = String(error.logDescription.prefix(2_000))
        } else {
            code = "unknown"
            text = String("\(error)".prefix(2_000))
        }
    }
}
