import SoukTime

/// Refresh with rotation, and log-out (RFC 9700, section 4.14.2).
///
/// Every refresh token is good for one exchange. One that is presented again is either stolen or its successor is:
/// the whole family is revoked, and both sides have to log in again. A client that sends the same refresh twice at
/// once loses its session that way too; a grace (`SOUK_AUTH_REFRESH_GRACE`) forgives it, at the price of a window in
/// which a stolen token still works.
///
/// The access tokens of a session end with it: every service's guard asks how the session stands.
struct TokenRefresh: Sendable {
    let sessions: any SessionStore
    let tokens: TokenIssuer
    let clock: any WallClock
    let grace: Duration
    let audit: AuditLog

    /// Exchanges a refresh token for new tokens.
    ///
    /// - Throws: ``AuthError/refreshInvalid``, ``AuthError/refreshReused``.
    func refresh(_ refreshToken: String, from client: ClientAddress) async throws -> Grant {
        let successor = TokenIssuer.newRefreshToken()
        let rotation = try await sessions.rotate(
            Digest.sha256(refreshToken), successor: Digest.sha256(successor), at: clock.now(),
            lifetime: tokens.refreshLifetime, grace: grace)
        switch rotation {
        case .rotated(let sessionID, let user):
            return try await tokens.grant(user, sessionID, successor)
        case .reused(let sessionID, let userID):
            audit.record("refresh.reused", user: userID, client: client, ["session_id": sessionID])
            throw AuthError.refreshReused
        case .refused:
            throw AuthError.refreshInvalid
        }
    }

    /// Revokes the token's family. A token that is unknown or revoked already is fine: the session is over.
    func logOut(_ refreshToken: String, from client: ClientAddress) async throws {
        guard let session = try await sessions.revoke(Digest.sha256(refreshToken), at: clock.now()) else {
            return
        }
        audit.record("logout", user: session.userID, client: client, ["session_id": session.id])
    }
}
