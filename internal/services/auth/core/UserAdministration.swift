import SoukCallContext
import SoukIDs
import SoukPagination
import SoukTime

/// What admins do with accounts.
struct UserAdministration: Sendable {
    let accounts: any AccountStore
    let clock: any WallClock
    let audit: AuditLog

    func list(_ filter: UserFilter, _ page: PageRequest) async throws -> Page<User> {
        try await accounts.list(filter, page)
    }

    /// - Throws: ``AuthError/unknownUser``.
    func user(_ id: UserID) async throws -> User {
        guard let user = try await accounts.user(id) else { throw AuthError.unknownUser }
        return user
    }

    /// Activates or deactivates an account; a deactivated one loses its sessions.
    ///
    /// - Throws: ``AuthError/notAdmin``, ``AuthError/unknownUser``, ``AuthError/lastAdmin``, ``AuthError/versionMismatch``.
    func setActive(_ active: Bool, _ id: UserID, expected: Int?, by admin: Principal) async throws -> User {
        let user = try await accounts.administer(
            id, by: admin.userID, expected: expected, at: clock.now()
        ) { account, otherAdmins in
            if !active, account.user.isActive, account.user.roles.contains(.admin), otherAdmins == 0 {
                throw AuthError.lastAdmin
            }
            account.user.isActive = active
            return active ? .none : .all
        }
        audit.record(active ? "user.activated" : "user.deactivated", user: id, by: admin.userID)
        return user
    }

    /// Gives a role; having it already is fine. The account's sessions have it from now on.
    ///
    /// - Throws: ``AuthError/notAdmin``, ``AuthError/unknownUser``, ``AuthError/roleFollowsVendor``.
    func assign(_ role: Role, to id: UserID, by admin: Principal) async throws {
        try Self.checkIsGivenByAdmins(role)
        _ = try await accounts.administer(id, by: admin.userID, expected: nil, at: clock.now()) {
            account, _ in
            account.user.roles.insert(role)
            return .none
        }
        audit.record("role.assigned", user: id, by: admin.userID, ["role": role.rawValue])
    }

    /// Takes a role away; not having it is fine. The account's sessions are without it from now on.
    ///
    /// - Throws: ``AuthError/notAdmin``, ``AuthError/unknownUser``, ``AuthError/lastAdmin``,
    ///   ``AuthError/roleFollowsVendor``.
    func remove(_ role: Role, from id: UserID, by admin: Principal) async throws {
        try Self.checkIsGivenByAdmins(role)
        _ = try await accounts.administer(id, by: admin.userID, expected: nil, at: clock.now()) {
            account, otherAdmins in
            let isLast = role == .admin && account.user.isActive && otherAdmins == 0
            if isLast, account.user.roles.contains(.admin) { throw AuthError.lastAdmin }
            account.user.roles.remove(role)
            return .none
        }
        audit.record("role.removed", user: id, by: admin.userID, ["role": role.rawValue])
    }

    /// What a vendor may do is its vendor account's status: a role given or taken here would say something else.
    private static func checkIsGivenByAdmins(_ role: Role) throws(AuthError) {
        guard role != .vendor else { throw .roleFollowsVendor }
    }
}
