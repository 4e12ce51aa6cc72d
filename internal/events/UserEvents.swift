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
