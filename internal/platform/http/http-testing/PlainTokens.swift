package import SoukAuthToken
package import SoukCallContext
package import SoukIDs

/// Access tokens that say in plain text who somebody is, for services that only read them.
package struct PlainTokens: TokenVerifier {
    package init() {}

    /// The token of a user with these roles; a customer where none is given.
    package static func token(for user: UserID, _ roles: Role...) -> String {
        ((roles.isEmpty ? [.customer] : roles).map(\.rawValue) + [user.description]).joined(separator: ".")
    }

    package func verify(_ token: String) async throws(TokenError) -> Principal {
        let parts = token.split(separator: ".").map(String.init)
        let roles = parts.dropLast().compactMap(Role.init)
        guard let user = parts.last.flatMap(UserID.init), roles.count == parts.count - 1 else {
            throw .malformed("plain token")
        }
        return Principal(userID: user, roles: Set(roles), sessionID: "session")
    }
}
