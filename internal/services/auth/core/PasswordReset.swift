import SoukErrors
import SoukTime

/// A new password for whoever reads the mailbox of a verified address.
struct PasswordReset: Sendable {
    let requests: any MailRequestStore
    let mails: AccountMails
    let throttles: any ThrottleStore
    let passwords: any PasswordHashing
    let devices: DeviceTokens
    let policy: PasswordPolicy
    let limits: AuthLimits
    let clock: any WallClock
    let audit: AuditLog

    /// Sends a token to the address, if an account has verified it. That is looked up when the mail is sent: here known and
    /// unknown addresses take the same steps.
    ///
    /// - Throws: `ValidationError`, ``AuthError/throttled(retryAfter:)`` for a network that asks too often.
    func forgot(_ email: String, from client: ClientAddress) async throws {
        let email = EmailAddress.normalised(email)
        guard EmailAddress.isValid(email) else { throw ValidationError([.notAnEmailAddress]) }
        try await count(client)
        try await mails.send(.reset, of: nil, to: email, from: client)
        audit.record("password.reset_requested", client: client)
    }

    /// Gives the account of the token a new password and ends all its sessions. The token for the device that did so keeps
    /// others' failed log-ins from locking its user out: whoever reads the mailbox is the account's owner.
    ///
    /// - Throws: `ValidationError` for a password against the policy, ``AuthError/mailTokenInvalid``,
    ///   ``AuthError/throttled(retryAfter:)``, ``AuthError/busy``.
    func reset(_ token: String, to password: String, from client: ClientAddress) async throws -> String {
        try await count(client)
        let password = PasswordPolicy.normalised(password)
        let user = try await requests.user(ofReset: token, at: clock.now())
        if let complaint = policy.complaint(about: password, email: user.email) {
            throw ValidationError([complaint])
        }
        let hash = try await passwords.hash(password)
        let deviceToken = try await devices.issue(for: user.id)
        _ = try await requests.reset(token, passwordHash: hash, at: clock.now())
        audit.record("password.reset", user: user.id, client: client)
        return deviceToken
    }

    private func count(_ client: ClientAddress) async throws {
        guard let key = limits.resets(from: client), let wait = try await throttles.take(key, at: clock.now())
        else { return }
        audit.record("reset.throttled", client: client)
        throw AuthError.throttled(retryAfter: wait)
    }
}
