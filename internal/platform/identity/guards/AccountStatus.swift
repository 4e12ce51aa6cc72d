package import SoukCallContext

/// What the account service says of the session of an access token and of its account.
package struct AccountStatus: Sendable, Hashable, Codable {
    package enum Session: String, Sendable, CaseIterable, Codable {
        case active
        /// Logged out, revoked or expired.
        case ended
        /// The account is deactivated.
        case deactivated
    }

    package let session: Session
    /// What the account may be now.
    package let roles: Set<Role>
    /// Counts the account's changes, from 1: of two statuses of one account the one with the lower version is older. 0 where
    /// there is no such account.
    package let version: Int

    package init(_ session: Session, roles: Set<Role>, version: Int) {
        self.session = session
        self.roles = roles
        self.version = version
    }
}
