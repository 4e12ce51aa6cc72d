package import SoukIDs

/// What an account is allowed to be.
package enum Role: String, CaseIterable, Sendable, Codable {
    /// Runs the marketplace.
    case admin
    /// Sells in it.
    case vendor
    /// Buys in it.
    case customer
}

/// Who is calling: proven by an access token, with the roles that the account has.
package struct Principal: Sendable, Hashable {
    /// The account.
    package let userID: UserID
    /// What the account may be: now, once a guard has admitted the caller; as the token says before.
    package let roles: Set<Role>
    /// The login the token comes from.
    package let sessionID: String

    /// A caller with these roles.
    package init(userID: UserID, roles: Set<Role>, sessionID: String) {
        self.userID = userID
        self.roles = roles
        self.sessionID = sessionID
    }

    /// Whether the caller has the role. Admins do not have the other roles by being admins.
    package func has(_ role: Role) -> Bool { roles.contains(role) }
}
