import SoukIDs
import SoukPagination
import SoukTime

/// Where accounts are kept. Each call is one transaction, with the events that follow from it.
protocol AccountStore: Sendable {
    /// Adds an account and makes it known.
    ///
    /// - Throws: ``AuthError/emailTaken``.
    func create(_ account: Account) async throws

    func account(email: String) async throws -> Account?

    func user(_ id: UserID) async throws -> User?

    /// The users with these ids, in no particular order; unknown ids are left out.
    func users(_ ids: [UserID]) async throws -> [User]

    /// The newest first.
    func list(_ filter: UserFilter, _ page: PageRequest) async throws -> Page<User>

    /// Replaces the stored hash by one of the same password, unless the password has been changed meanwhile.
    func replaceHash(of id: UserID, _ old: String, by new: String) async throws

    /// Changes an account: `change` sees it as it stands, with the number of other active admins.
    ///
    /// Nothing is written, and no event follows, where nothing changes.
    ///
    /// - Parameter expected: The version that the caller has seen; nil for any.
    /// - Throws: ``AuthError/unknownUser``, ``AuthError/versionMismatch``, and what `change` throws.
    func update(
        _ id: UserID, expected: Int?, at now: Timestamp,
        _ change: @escaping @Sendable (inout Account, _ otherAdmins: Int) throws -> SessionRevocation
    ) async throws -> User
}
