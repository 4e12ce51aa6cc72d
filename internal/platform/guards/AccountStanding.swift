/// How the session of an access token stands, as the account service says.
package enum AccountStanding: String, Sendable, CaseIterable, Codable {
    case active
    /// Logged out, revoked or expired.
    case ended
    /// The account is deactivated.
    case deactivated
}
