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
    let limits: AuthLimits
    let clock: any WallClock
    let audit: AuditLog

    /// Makes a customer's account and logs it in.
    ///
    /// Every attempt is counted, taken addresses too: the answer `email_taken` tells that an account exists, and
    /// nobody may ask that often.
    ///
    /// - Throws: `ValidationError`, ``AuthError/throttled(retryAfter:)``, ``AuthError/emailTaken``,
    ///   ``AuthError/busy``.
    func register(email: String, password: String, name: String, from client: ClientAddress) async throws
        -> Grant
    {
        let email = EmailAddress.normalised(email)
        let password = PasswordPolicy.normalised(password)
        try Self.check(email: email, password: password)
        if let key = limits.registrations(from: client),
            let wait = try await throttles.take(key, at: clock.now())
        {
            audit.record("register.throttled", client: client)
            throw AuthError.throttled(retryAfter: wait)
        }
        // Asked first only to spare the hash; the database's unique key decides.
        guard try await accounts.account(email: email) == nil else { throw AuthError.emailTaken }
        let hash = try await passwords.hash(password)
        let user = User(email: email, name: name, roles: [.customer], createdAt: clock.now())
        try await accounts.create(Account(user: user, passwordHash: hash))
        audit.record("register", user: user.id, client: client)
        return try await tokens.openSession(for: user)
    }

    /// Makes the first admin, unless the address has an account: that one is left as it is.
    func ensureAdmin(email: String, password: String) async throws {
        if let existing = try await accounts.account(email: email) {
            if !existing.user.roles.contains(.admin) {
                audit.record("admin.not_promoted", user: existing.user.id)
            }
            return
        }
        let hash = try await passwords.hash(PasswordPolicy.normalised(password))
        let user = User(
            email: email, name: "Administrator", roles: [.admin, .customer], createdAt: clock.now())
        do {
            try await accounts.create(Account(user: user, passwordHash: hash))
            audit.record("admin.created", user: user.id)
        } catch AuthError.emailTaken {
            // Another instance was faster.
        }
    }

    static func check(email: String, password: String) throws(ValidationError) {
        var errors: [FieldError] = []
        if !EmailAddress.isValid(email) {
            errors.append(
                FieldError(field: "email", code: "email", message: "The value must be an e-mail address."))
        }
        if let complaint = PasswordPolicy.complaint(about: password, email: email) {
            errors.append(complaint)
        }
        if !errors.isEmpty { throw ValidationError(errors) }
    }
}
