import SoukCloudEvents
package import SoukIDs
package import SoukIdentifiers

/// A user's profile, roles or standing changed: whoever cached the user drops it.
package struct UserUpdated: Event {
    package static var type: String { "user.updated.v1" }
    package static var topic: String { Topic.users.rawValue }
    package var key: String { userId.description }

    package let userId: UserID
    package let email: String
    package let name: String
    /// Role names, sorted.
    package let roles: [String]
    package let active: Bool
    /// Counts the account's changes, from 1; nil in events of earlier versions.
    package let version: Int?
    /// The `sid` of the account's running sessions, of which something else is remembered; at most
    /// ``maximumSessions``, the newest. nil where roles and activity are as before.
    package let sessionIds: [String]?
    /// Whether the address is known to be the user's; nil in events of earlier versions.
    package let emailVerified: Bool?

    /// Most sessions of one event: as many as an account may have.
    package static var maximumSessions: Int { 1_000 }

    package init(
        userId: UserID, email: String, name: String, roles: [String], active: Bool, version: Int? = nil,
        sessionIds: [String]? = nil, emailVerified: Bool? = nil
    ) {
        self.userId = userId
        self.email = email
        self.name = name
        self.roles = roles
        self.active = active
        self.version = version
        self.sessionIds = sessionIds
        self.emailVerified = emailVerified
    }
}

/// Sessions of a user ended before their time: their access tokens are not to be honoured any longer.
package struct SessionEnded: Event {
    package static var type: String { "session.ended.v1" }
    package static var topic: String { Topic.users.rawValue }
    package var key: String { userId.description }
    /// Most sessions of one event; more are told by several.
    package static var maximumSessions: Int { 500 }

    package let userId: UserID
    /// The `sid` of their access tokens; at least one.
    package let sessionIds: [String]
    /// `logout`, `reuse`, `password_changed` or `deactivated`.
    package let reason: String

    package init(userId: UserID, sessionIds: [String], reason: String) {
        self.userId = userId
        self.sessionIds = sessionIds
        self.reason = reason
    }
}

/// A user signed up.
package struct UserRegistered: Event {
    package static var type: String { "user.registered.v1" }
    package static var topic: String { Topic.users.rawValue }
    package var key: String { userId.description }

    package let userId: UserID
    /// The address that the user gave.
    package let email: String
    package let name: String
    /// Whether the address is known to be the user's; nil in events of earlier versions.
    package let emailVerified: Bool?

    package init(userId: UserID, email: String, name: String, emailVerified: Bool? = nil) {
        self.userId = userId
        self.email = email
        self.name = name
        self.emailVerified = emailVerified
    }
}

/// A mail about an account is to be sent. What it says and where it goes is asked of the auth service when it is sent, so
/// that no secret and no address is kept with the event.
package struct UserMailRequested: Event {
    package static var type: String { "user.mail_requested.v1" }
    package static var topic: String { Topic.users.rawValue }
    package var key: String { requestId.description }

    package let requestId: MailRequestID

    package init(requestId: MailRequestID) {
        self.requestId = requestId
    }
}
