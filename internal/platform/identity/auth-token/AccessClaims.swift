package import SoukCallContext
package import SoukIDs
package import SoukTime

/// What an access token says.
package struct AccessClaims: Sendable, Hashable {
    /// The account, claim `sub`.
    package let userID: UserID
    /// What the account may be, claim `roles`. Roles this program doesn't know are not carried over from a
    /// token.
    package let roles: Set<Role>
    /// The login the token belongs to, claim `sid`.
    package let sessionID: String
    /// Claim `iat`, whole seconds. The token is good from then on (`nbf` is the same).
    package let issuedAt: Timestamp
    /// Claim `exp`, whole seconds. From this instant on the token is no longer good.
    package let expiresAt: Timestamp
    /// Names this one token, claim `jti`.
    package let tokenID: String

    /// Claims for a new token; both times are cut to whole seconds, as tokens carry them.
    package init(
        userID: UserID, roles: Set<Role>, sessionID: String, issuedAt: Timestamp, expiresAt: Timestamp,
        tokenID: String = ID<TokenTag>().description
    ) {
        self.userID = userID
        self.roles = roles
        self.sessionID = sessionID
        self.issuedAt = Timestamp(epochSeconds: issuedAt.epochSeconds)
        self.expiresAt = Timestamp(epochSeconds: expiresAt.epochSeconds)
        self.tokenID = tokenID
    }

    /// The caller that the token proves.
    package var principal: Principal { Principal(userID: userID, roles: roles, sessionID: sessionID) }
}

/// Tag of token identifiers.
package enum TokenTag {}

extension Timestamp {
    /// Whole seconds since 1970, rounded down.
    var epochSeconds: Int64 {
        microseconds / 1_000_000 - (microseconds % 1_000_000 < 0 ? 1 : 0)
    }

    init(epochSeconds: Int64) {
        self.init(microseconds: epochSeconds.multipliedReportingOverflow(by: 1_000_000).partialValue)
    }
}
