import SoukCallContext
import SoukErrors
import SoukIDs
import SoukTime

/// What users do with their own accounts.
struct Profiles: Sendable {
    /// What to change; nil leaves as it is.
    struct Change: Sendable, Hashable {
        var name: String?
        var password: NewPassword?
    }

    struct NewPassword: Sendable, Hashable {
        let current: String
        let new: String
    }

    let accounts: any AccountStore
    let throttles: any ThrottleStore
    let passwords: any PasswordHashing
    let limits: AuthLimits
    let clock: any WallClock
    let audit: AuditLog
    let policy: PasswordPolicy

    /// The caller's account.
    ///
    /// - Throws: ``AuthError/unknownUser``, ``AuthError/accountInactive``.
    func own(_ principal: Principal) async throws -> User {
        guard let user = try await accounts.user(principal.userID) else { throw AuthError.unknownUser }
        guard user.isActive else { throw AuthError.accountInactive }
        return user
    }

    /// Changes the caller's account. A new password ends all sessions but the caller's.
    ///
    /// - Throws: `ValidationError` for a new password against the policy, ``AuthError/wrongCurrentPassword``,
    ///   ``AuthError/throttled(retryAfter:)``, ``AuthError/versionMismatch``, ``AuthError/accountInactive``.
    func change(
        _ change: Change, of principal: Principal, expected: Int?, from client: ClientAddress
    ) async throws -> User {
        let user = try await own(principal)
        var hashes: (old: String, new: String)?
        if let password = change.password {
            hashes = try await newHash(password, for: user, from: client)
        }
        let sessionID = principal.sessionID
        let (oldHash, newHash) = (hashes?.old, hashes?.new)
        let changed = try await accounts.update(principal.userID, expected: expected, at: clock.now()) {
            account in
            guard account.user.isActive else { throw AuthError.accountInactive }
            if let name = change.name { account.user.name = name }
            guard let newHash else { return .none }
            // Somebody else changed it between our check and this transaction.
            guard account.passwordHash == oldHash else { throw AuthError.wrongCurrentPassword }
            account.passwordHash = newHash
            return .allBut(sessionID: sessionID)
        }
        if change.password != nil {
            audit.record("password.changed", user: user.id, by: user.id, client: client)
        }
        return changed
    }

    private func newHash(
        _ password: NewPassword, for user: User, from client: ClientAddress
    ) async throws -> (old: String, new: String) {
        let new = PasswordPolicy.normalised(password.new)
        if let complaint = policy.complaint(about: new, email: user.email) {
            throw ValidationError([complaint])
        }
        guard let stored = try await accounts.account(user.id)?.passwordHash else {
            throw AuthError.unknownUser
        }
        let check = PasswordCheck(throttles: throttles, passwords: passwords, clock: clock)
        let matches = try await check.matches(
            password.current, stored, key: limits.passwordChange(of: user.id, from: client))
        guard matches else {
            audit.record("password.change_refused", user: user.id, by: user.id, client: client)
            throw AuthError.wrongCurrentPassword
        }
        return (stored, try await passwords.hash(new))
    }
}
