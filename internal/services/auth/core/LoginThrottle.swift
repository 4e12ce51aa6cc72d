import SoukTime

/// Counts the attempts to log in, so that passwords can't be guessed and nobody can be locked out on purpose.
///
/// Each failed attempt is counted for its network, for the account seen from that network, and for the account seen from
/// everywhere, with a higher limit. A device on which the account has signed in before has a counter of its own instead, and all
/// such devices of the account have one together. All of that is the same whether the account exists or not.
struct LoginThrottle: Sendable {
    let throttles: any ThrottleStore
    let limits: AuthLimits
    let clock: any WallClock
    let audit: AuditLog

    /// Counts an attempt before it is made, so that many at once get no more guesses than the limits allow.
    ///
    /// - Parameter device: where the account has signed in before.
    /// - Throws: ``AuthError/throttled(retryAfter:)``.
    func begin(_ email: String, from client: ClientAddress, device: KnownDevice?) async throws -> LoginAttempt
    {
        let keys = limits.logins(email, from: client, device: device)
        if let refusal = try await throttles.take(keys.all, at: clock.now()) {
            audit.record("login.throttled", client: client, ["by": refusal.key.rule.scope])
            throw AuthError.throttled(retryAfter: refusal.wait)
        }
        return LoginAttempt(keys: keys, throttles: throttles)
    }
}

/// An attempt that has been counted. One that failed needs nothing more.
struct LoginAttempt: Sendable {
    /// The counters of an attempt.
    struct Keys: Sendable {
        /// What the right password forgets.
        var own: [ThrottleKey] = []
        /// What others' failures stay in.
        var shared: [ThrottleKey] = []

        var all: [ThrottleKey] { own + shared }
    }

    let keys: Keys
    let throttles: any ThrottleStore

    /// The password was right.
    func succeeded() async throws {
        try await throttles.settle(clearing: keys.own, givingBack: keys.shared)
    }

    /// No password was tried.
    func cameToNothing() async throws {
        try await throttles.settle(clearing: [], givingBack: keys.all)
    }
}
