import SoukTime

/// How much an account may keep of sessions.
struct SessionLimits: Sendable {
    /// Sessions of an account at one time; one more ends the oldest.
    var perAccount = 50
    /// After its first log-in a session ends, however often it was refreshed.
    var lifetime: Duration = .seconds(180 * 86_400)
    /// Sessions of an account that have ended and are still remembered, so that a reused refresh token is recognised.
    var endedPerAccount = 50
    /// Refresh tokens of a session that are remembered; older ones are refused as unknown.
    var tokensPerSession = 100

    /// When a session expires that is opened or refreshed now.
    func expiry(createdAt: Timestamp, at now: Timestamp, refreshLifetime: Duration) -> Timestamp {
        min(now + refreshLifetime, createdAt + lifetime)
    }
}
