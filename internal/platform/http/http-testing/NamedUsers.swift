package import SoukAuthToken
package import SoukCallContext
package import SoukIDs

/// Takes `customer`, `vendor`, `admin` and `other` as tokens.
package struct NamedUsers: TokenVerifier {
    package static let ids: [String: UserID] = [
        "customer": UserID(), "vendor": UserID(), "admin": UserID(), "other": UserID(),
    ]

    package init() {}

    package func verify(_ token: String) async throws(TokenError) -> Principal {
        if token == "expired" { throw .expired }
        guard let user = Self.ids[token] else { throw .badSignature }
        return Principal(userID: user, roles: [Role(rawValue: token) ?? .customer], sessionID: "s")
    }
}
