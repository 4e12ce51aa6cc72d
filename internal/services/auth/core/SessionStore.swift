import SoukAuthKernel
import SoukIDs
import SoukTime

/// A login: the family of refresh tokens that follow one another.
struct Session: Sendable, Hashable {
    /// The `sid` of its access tokens.
    let id: String
    let userID: UserID
    let createdAt: Timestamp
    /// When its newest refresh token expires.
    let expiresAt: Timestamp
}

/// What came of exchanging a refresh token.
enum Rotation: Sendable, Hashable {
    case rotated(sessionID: String, User)
    /// The token was exchanged before; its family is revoked now.
    case reused(sessionID: String, UserID)
    /// Unknown, expired, revoked, or of a deactivated account.
    case refused
}

/// Where sessions are kept: refresh tokens only as SHA-256. Each call is one transaction.
protocol SessionStore: Sendable {
    /// Opens a session with its first refresh token, unless the account has been deactivated meanwhile. Beyond the account's
    /// limit its oldest session ends.
    ///
    /// - Throws: ``AuthError/accountInactive``.
    func open(_ session: Session, tokenHash: String) async throws

    /// Exchanges a refresh token for its successor. Of several calls with one token exactly one gets through; the
    /// others revoke the family, or, within `grace` of the first, get successors of their own.
    func rotate(
        _ presentedHash: String, successor: String, at now: Timestamp, lifetime: Duration, grace: Duration
    ) async throws -> Rotation

    /// Revokes the family of a refresh token; nil where there was nothing to revoke.
    func revoke(_ presentedHash: String, at now: Timestamp) async throws -> Session?

    /// What is true of each of these sessions and its account at one moment.
    func statuses(
        _ sessions: [SessionReference], at now: Timestamp
    ) async throws -> [SessionReference: SessionStatus]

    /// Removes what has expired: tokens first, then families without any. Returns how many tokens there were.
    func purge(at now: Timestamp) async throws -> Int
}
