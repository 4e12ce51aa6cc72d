import SoukCallContext
import SoukErrors
import SoukIDs
import SoukTime

/// Sign-up.
struct Registration: Sendable {
    let accounts: any AccountStore
    let throttles: any ThrottleStore
    let passwords: any PasswordHashing
    let tokens: TokenIssuer
    let mails: AccountMails
    let limits: AuthLimits
    let clock: any WallClock
    let audit: AuditLog
    let policy: PasswordPolicy

    /// Makes a customer's account, logs it in and has its address verified.
    ///
    /// The account only claims the address, so it is made whether another account has the address or not, by the same steps.
    /// What the mail says is decided when it is sent.
    ///
    /// - Throws: `ValidationError`, ``AuthError/throttled(retryAfter:)``, ``AuthError/busy``.
    func register(email: String, password: String, name: String, from client: ClientAddress) async throws
        -> Grant
    {
        let email = EmailAddress.normalised(email)
        let password = PasswordPolicy.normalised(password)
        try check(email: email, password: password)
        if let key = limits.registrations(from: client),
            let wait = try await throttles.take(key, at: clock.now())
        {
            audit.record("register.throttled", client: client)
            throw AuthError.throttled(retryAfter: wait)
        }
        let hash = try await passwords.hash(password)
        let user = User(email: email, name: name, roles: [.customer], createdAt: clock.now())
        try await accounts.create(
            Account(user: user, passwordHash: hash),
            mail: try await mails.request(.claim, of: user.id, to: email, from: client))
        audit.record("register", user: user.id, client: client)
        return try await tokens.openSession(for: user)
    }

    /// Makes the first admin, unless an account has verified the address: that one is left as it is. The operator vouches for
    /// the admin's address.
    func ensureAdmin(email: String, password: String) async throws {
        if let existing = try await accounts.account(verifiedEmail: email) {
            if !existing.user.roles.contains(.admin) {
                audit.record("admin.not_promoted", user: existing.user.id)
            }
            return
        }
        let hash = try await passwords.hash(PasswordPolicy.normalised(password))
        let now = clock.now()
        let user = User(
            email: email, emailVerifiedAt: now, name: "Administrator", roles: [.admin, .customer],
            createdAt: now)
        do {
            try await accounts.create(Account(user: user, passwordHash: hash), mail: nil)
            audit.record("admin.created", user: user.id)
        } catch AuthError.addressInUse {
            // Another instance was faster.
        }
    }

    private func check(email: String, password: String) throws(ValidationError) {
        var errors: [FieldError] = []
        if !EmailAddress.isValid(email) {
            errors.append(.notAnEmailAddress)
        }
        if let complaint = policy.complaint(about: password, email: email) {
            errors.append(complaint)
        }
        if !errors.isEmpty { throw ValidationError(errors) }
    }
}
