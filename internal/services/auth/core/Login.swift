import SoukErrors
import SoukTime

/// Log-in with e-mail address and password.
struct Login: Sendable {
    let accounts: any AccountStore
    let throttle: LoginThrottle
    let devices: DeviceTokens
    let passwords: any PasswordHashing
    let tokens: TokenIssuer
    let audit: AuditLog

    /// Opens a session.
    ///
    /// An address may be several accounts' (``AccountStore/loginCandidates(email:)``): the password decides which. An unknown
    /// address and a wrong password cost ``checks`` hashes each and get one answer. A throttled account answers
    /// the same whether it exists or not, and even to the right password. Attempts are counted before they are made
    /// (``LoginThrottle``), and taken back where no wrong password was tried.
    ///
    /// - Parameter deviceToken: what the client shows of an earlier log-in to the account. It names the account, however many
    ///   claim the address.
    /// - Throws: ``AuthError/throttled(retryAfter:)``, ``AuthError/invalidCredentials``,
    ///   ``AuthError/accountInactive`` to whoever knows its password, ``AuthError/busy``.
    func logIn(
        email: String, password: String, from client: ClientAddress, deviceToken: String? = nil
    ) async throws -> Grant {
        let email = EmailAddress.normalised(email)
        var device: KnownDevice?
        if let deviceToken {
            device = try await devices.device(
                of: deviceToken, for: try await accounts.claimants(email: email))
        }
        let candidates =
            if let device {
                try await [accounts.account(device.userID)].compactMap(\.self)
            } else {
                try await accounts.loginCandidates(email: email)
            }
        let attempt = try await throttle.begin(email, from: client, device: device)
        guard let account = try await authenticated(candidates, password, attempt, from: client) else {
            throw AuthError.invalidCredentials
        }
        // The failures at an address are not for whoever only claims it to forget.
        if account.user.isEmailVerified || device != nil {
            try await attempt.succeeded()
        } else {
            try await attempt.cameToNothing()
        }
        guard account.user.isActive else {
            audit.record("login.inactive", user: account.user.id, client: client)
            throw AuthError.accountInactive
        }
        if passwords.isOutdated(account.passwordHash) {
            let hash = try await passwords.hash(PasswordPolicy.normalised(password))
            try await accounts.replaceHash(of: account.user.id, account.passwordHash, by: hash)
            audit.record("password.rehashed", user: account.user.id)
        }
        let grant = try await tokens.openSession(for: account.user)
        audit.record("login", user: account.user.id, client: client, ["session_id": grant.sessionID])
        return grant
    }

    /// Passwords that are checked for an address, however many accounts it has.
    private static let checks = 2

    /// The account whose password it is; nil when there is none.
    ///
    /// Only the owner of the verified account gets a response sooner: to others the time tells nothing about it. So a client that
    /// disconnects during the second check knows that the first failed: that attempt stays counted.
    private func authenticated(
        _ candidates: [Account], _ password: String, _ attempt: LoginAttempt, from client: ClientAddress
    ) async throws -> Account? {
        var found: Account?
        for position in 0..<Self.checks {
            let account = position < candidates.count ? candidates[position] : nil
            do {
                let matches = try await passwords.matches(password, account?.passwordHash)
                if matches, found == nil { found = account }
            } catch {
                if position == 0 || found != nil { try await attempt.cameToNothing() }
                throw error
            }
            if let found, found.user.isEmailVerified { return found }
        }
        if found == nil { audit.record("login.failed", user: candidates.first?.user.id, client: client) }
        return found
    }
}

extension PasswordHashing {
    /// Whether the password fits the hash; false, after the same work, where there is none.
    ///
    /// - Throws: ``AuthError/busy``.
    func matches(_ password: String, _ hash: String?) async throws -> Bool {
        // A huge password is refused unread, but takes as long as any other.
        let fits = password.utf8.count <= PasswordPolicy.maxBytes
        let isRight = try await verify(
            fits ? PasswordPolicy.normalised(password) : "", against: fits ? hash : nil)
        return isRight && fits
    }
}

/// Checks a password against an account's throttle.
struct PasswordCheck: Sendable {
    let throttles: any ThrottleStore
    let passwords: any PasswordHashing
    let clock: any WallClock

    /// Whether the password fits the hash; false, after the same work, where there is none.
    ///
    /// The attempt is counted before the hash is computed, so that many at once get no more guesses than the limit;
    /// the right password forgets the count, and an attempt that came to nothing is given back.
    ///
    /// - Parameter key: nil where nothing is counted.
    /// - Throws: ``AuthError/throttled(retryAfter:)``, ``AuthError/busy``.
    func matches(_ password: String, _ hash: String?, key: ThrottleKey?) async throws -> Bool {
        if let key, let wait = try await throttles.take(key, at: clock.now()) {
            throw AuthError.throttled(retryAfter: wait)
        }
        let matches: Bool
        do {
            matches = try await passwords.matches(password, hash)
        } catch {
            if let key { try await throttles.giveBack(key) }
            throw error
        }
        if matches, let key { try await throttles.clear(key) }
        return matches
    }
}
