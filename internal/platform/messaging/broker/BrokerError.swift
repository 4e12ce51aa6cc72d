package import SoukErrors

/// Why a broker refused or could not answer.
package struct BrokerError: SoukError, CustomStringConvertible {
    package enum Reason: String, Sendable, CaseIterable {
        /// The broker or the subscription was closed by this process.
        case closed
        /// The broker cannot be reached, or could not store; the same call may succeed later.
        case unavailable
        /// A topic, group or option has a value that the backend does not take.
        case invalidArgument = "invalid_argument"
        /// The message is larger than the backend takes.
        case messageTooLarge = "message_too_large"
        /// The delivery was settled already, or belongs to another subscription by now.
        case staleDelivery = "stale_delivery"
        /// The backend cannot do this; see ``BrokerCapabilities``.
        case unsupported
    }

    package let reason: Reason
    package let detail: String?

    package init(_ reason: Reason, detail: String? = nil) {
        self.reason = reason
        self.detail = detail
    }

    package var kind: ErrorKind {
        switch reason {
        case .closed, .unavailable: .unavailable
        case .invalidArgument: .invalid
        case .messageTooLarge: .tooLarge
        case .staleDelivery: .conflict
        case .unsupported: .internalError
        }
    }

    package var code: String { "broker.\(reason.rawValue)" }

    package var message: String {
        switch reason {
        case .closed: "The message broker is closed."
        case .unavailable: "The message broker is not available."
        case .invalidArgument: "The message broker does not take this value."
        case .messageTooLarge: "The message is too large for the broker."
        case .staleDelivery: "The delivery was settled already or has been given to another subscription."
        case .unsupported: "The message broker cannot do this."
        }
    }

    package var description: String { detail.map { "\(code): \($0)" } ?? code }
}
