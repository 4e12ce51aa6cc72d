import SoukErrors
import SoukTime

/// Log-in with e-mail address and password.
struct Login: Sendable {
    let accounts: any AccountStore
    let throttles: any ThrottleStore
    let passwords: any PasswordHashing
    let tokens: TokenIssuer
    let limits: AuthLimits
    let clock: any WallClock
    let audit: AuditLog

    /// Opens a session.
    ///
    /// An unknown address and a wrong password cost one hash each and get one answer. A throttled account answers
    /// the same whether it exists or not, and even to the right password. Attempts are counted before they are made,
    /// for the client as for the account, and taken back where no wrong password was tried.
    ///
    /// - Throws: ``AuthError/throttled(retryAfter:)``, ``AuthError/invalidCredentials``,
    ///   ``AuthError/accountInactive`` to whoever knows its password, ``AuthError/busy``.
    func logIn(email: String, password: String, from client: ClientAddress) async throws -> Grant {
        let email = EmailAddress.normalised(email)
        let addressKey = limits.logins(from: client)
        if let addressKey, let wait = try await throttles.take(addressKey, at: clock.now()) {
            audit.record("login.throttled", client: client, ["by": "address"])
            throw AuthError.throttled(retryAfter: wait)
        }
        let found: Account?
        do {
            found = try await authenticated(email, password, from: client)
        } catch {
            if let addressKey { try await throttles.giveBack(addressKey) }
            throw error
        }
        guard let account = found else { throw AuthError.invalidCredentials }
        if let addressKey { try await throttles.giveBack(addressKey) }
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

    /// The account, if the password is its own; nil when it is not or there is none.
    private func authenticated(
        _ email: String, _ password: String, from client: ClientAddress
    ) async throws -> Account? {
        let check = PasswordCheck(throttles: throttles, passwords: passwords, clock: clock)
        let account = try await accounts.account(email: email)
        let matches: Bool
        do {
            matches = try await check.matches(
                password, account?.passwordHash, key: limits.account(email, from: client))
        } catch let error as AuthError {
            if case .throttled = error {
                audit.record("login.throttled", user: account?.user.id, client: client, ["by": "account"])
            }
            throw error
        }
        guard matches else {
            audit.record("login.failed", user: account?.user.id, client: client)
            return nil
        }
        return account
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
            // A huge password is refused unread, but takes as long as any other.
            let fits = password.utf8.count <= PasswordPolicy.maxBytes
            let checked = try await passwords.verify(
                fits ? PasswordPolicy.normalised(password) : "", against: fits ? hash : nil)
            matches = checked && fits
        } catch {
            if let key { try await throttles.giveBack(key) }
            throw error
        }
        if matches, let key { try await throttles.clear(key) }
        return matches
    }
}
