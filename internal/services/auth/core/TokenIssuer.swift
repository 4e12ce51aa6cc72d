import SoukAuthToken
import SoukIDs
import SoukTime

/// What a successful login or refresh hands out.
struct Grant: Sendable {
    let user: User
    let sessionID: String
    let accessToken: String
    let refreshToken: String
    /// How long the access token is good for.
    let expiresIn: Duration
}

/// Makes access tokens and opens sessions.
struct TokenIssuer: Sendable {
    let keys: TokenKeys
    let sessions: any SessionStore
    let clock: any WallClock
    let accessLifetime: Duration
    let refreshLifetime: Duration
    var sessionLimits = SessionLimits()

    /// Opens a session and grants its first tokens.
    ///
    /// - Throws: ``AuthError/accountInactive``.
    func openSession(for user: User) async throws -> Grant {
        let now = clock.now()
        let refreshToken = Self.newRefreshToken()
        let session = Session(
            id: Self.newSessionID(), userID: user.id, createdAt: now,
            expiresAt: sessionLimits.expiry(createdAt: now, at: now, refreshLifetime: refreshLifetime))
        try await sessions.open(session, tokenHash: Digest.sha256(refreshToken))
        return try await grant(user, session.id, refreshToken)
    }

    /// A fresh access token beside the refresh token.
    func grant(_ user: User, _ sessionID: String, _ refreshToken: String) async throws -> Grant {
        let now = clock.now()
        let claims = AccessClaims(
            userID: user.id, roles: user.roles, sessionID: sessionID, issuedAt: now,
            expiresAt: now + accessLifetime, tokenID: RandomToken.make(bytes: 16))
        return Grant(
            user: user, sessionID: sessionID, accessToken: try await keys.createToken(claims),
            refreshToken: refreshToken, expiresIn: accessLifetime)
    }

    /// 256 bits.
    static func newRefreshToken() -> String { RandomToken.make(bytes: 32) }

    private static func newSessionID() -> String { RandomToken.make(bytes: 16) }
}
