import SoukCallContext
import SoukErrors
import SoukIDs
import SoukTime

/// Shows that addresses are their users': verification, another mail for it, another address.
///
/// A token counts only together with the account that claimed the address. Whoever follows a link from a mail that a
/// stranger's sign-up caused verifies nothing: they are not signed in to that account.
struct AddressClaims: Sendable {
    let accounts: any AccountStore
    let requests: any MailRequestStore
    let mails: AccountMails
    let throttles: any ThrottleStore
    let passwords: any PasswordHashing
    let limits: AuthLimits
    let clock: any WallClock
    let audit: AuditLog

    /// Makes the claimed address the caller's.
    ///
    /// - Throws: ``AuthError/mailTokenInvalid``, ``AuthError/addressInUse``, ``AuthError/accountInactive``.
    func verify(_ token: String, by principal: Principal, from client: ClientAddress) async throws -> User {
        do {
            let user = try await requests.verify(token, by: principal.userID, at: clock.now())
            audit.record("address.verified", user: user.id, client: client)
            return user
        } catch let error as AuthError {
            audit.record(
                "address.not_verified", user: principal.userID, client: client, ["code": error.code])
            throw error
        }
    }

    /// Sends the mail for the address that the caller claims once more.
    ///
    /// - Throws: ``AuthError/addressVerified`` where there is none, ``AuthError/throttled(retryAfter:)``,
    ///   ``AuthError/unknownUser``, ``AuthError/accountInactive``.
    func resend(by principal: Principal, from client: ClientAddress) async throws {
        let user = try await owner(principal)
        let pending = try await requests.claimedAddress(of: user.id, at: clock.now())
        let email = pending ?? user.email
        if user.isEmailVerified, pending == nil || email == user.email { throw AuthError.addressVerified }
        try await count(user)
        try await mails.send(.claim, of: user.id, to: email, from: client, isRepeat: true)
    }

    /// Claims another address for the caller's account. It takes effect once it is verified; until then the present one stays,
    /// and hears of it if it is verified itself. Whether another account has verified the new one only its mailbox hears.
    ///
    /// - Throws: `ValidationError`, ``AuthError/wrongCurrentPassword``, ``AuthError/addressVerified`` for the present address,
    ///   ``AuthError/throttled(retryAfter:)``, ``AuthError/busy``, ``AuthError/unknownUser``, ``AuthError/accountInactive``.
    func change(
        to email: String, currentPassword: String, by principal: Principal, from client: ClientAddress
    ) async throws {
        let email = EmailAddress.normalised(email)
        guard EmailAddress.isValid(email) else { throw ValidationError([.notAnEmailAddress]) }
        let user = try await owner(principal)
        let check = PasswordCheck(throttles: throttles, passwords: passwords, clock: clock)
        let isRight = try await check.matches(
            currentPassword, accounts.account(user.id)?.passwordHash,
            key: limits.passwordChange(of: user.id, from: client))
        guard isRight else {
            audit.record("address.change_refused", user: user.id, by: user.id, client: client)
            throw AuthError.wrongCurrentPassword
        }
        if user.isEmailVerified, user.email == email { throw AuthError.addressVerified }
        try await count(user)
        // Together: who disconnects in between must not spare the owner the notice.
        try await mails.send(
            .claim, of: user.id, to: email, from: client,
            noticeTo: user.isEmailVerified ? user.email : nil)
        audit.record("address.change_requested", user: user.id, by: user.id, client: client)
    }

    private func owner(_ principal: Principal) async throws -> User {
        guard let user = try await accounts.user(principal.userID) else { throw AuthError.unknownUser }
        guard user.isActive else { throw AuthError.accountInactive }
        return user
    }

    private func count(_ user: User) async throws {
        let key = ThrottleKey(rule: limits.mailsPerAccount, subject: user.id.description)
        if let wait = try await throttles.take(key, at: clock.now()) {
            throw AuthError.throttled(retryAfter: wait)
        }
    }
}

extension FieldError {
    static var notAnEmailAddress: FieldError {
        FieldError(field: "email", code: "email", message: "The value must be an e-mail address.")
    }
}
