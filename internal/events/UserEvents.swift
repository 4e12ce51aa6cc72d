import SoukCloudEvents
package import SoukIDs

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

    package init(userId: UserID, email: String, name: String, roles: [String], active: Bool) {
        self.userId = userId
        self.email = email
        self.name = name
        self.roles = roles
        self.active = active
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
    package let email: String
    package let name: String

    package init(userId: UserID, email: String, name: String) {
        self.userId = userId
        self.email = email
        self.name = name
    }
}
