import SoukIDs
import SoukPagination
import SoukTime

/// Where accounts are kept. Each call is one transaction, with the events that follow from it.
protocol AccountStore: Sendable {
    /// Adds an account and makes it known, together with a request for a mail about it.
    ///
    /// - Throws: ``AuthError/addressInUse`` for a verified address that another account has verified.
    func create(_ account: Account, mail: MailRequest?) async throws

    func account(_ id: UserID) async throws -> Account?

    /// The account that has verified this address.
    func account(verifiedEmail email: String) async throws -> Account?

    /// The accounts that a log-in with this address may mean, at most two: the one that has verified it and the newest that
    /// claims it. Which of somebody's own claims these are doesn't depend on other accounts, so trying tells nothing of them.
    func loginCandidates(email: String) async throws -> [Account]

    /// The accounts with this address, the verified one first, then the newest ``claimants``.
    func claimants(email: String) async throws -> [UserID]

    func user(_ id: UserID) async throws -> User?

    /// The users with these ids, in no particular order; unknown ids are left out.
    func users(_ ids: [UserID]) async throws -> [User]

    /// The newest first.
    func list(_ filter: UserFilter, _ page: PageRequest) async throws -> Page<User>

    /// Replaces the stored hash by one of the same password, unless the password has been changed meanwhile.
    func replaceHash(of id: UserID, _ old: String, by new: String) async throws

    /// Changes an account for its owner: `change` sees it as it is, and may change neither whether it is active nor whether
    /// it is an admin.
    ///
    /// Nothing is written, and no event follows, where nothing changes.
    ///
    /// - Parameter expected: The version that the caller has seen; nil for any.
    /// - Throws: ``AuthError/unknownUser``, ``AuthError/versionMismatch``, and what `change` throws.
    func update(
        _ id: UserID, expected: Int?, at now: Timestamp,
        _ change: @escaping @Sendable (inout Account) throws -> SessionRevocation
    ) async throws -> User

    /// As ``update(_:expected:at:_:)``, for an admin, and with the number of active admins besides the account.
    ///
    /// Such changes take turns, and each begins with whether `admin` is still an active one: nobody changes anything with a role
    /// that was taken before.
    ///
    /// - Throws: ``AuthError/notAdmin``, and as ``update(_:expected:at:_:)``.
    func administer(
        _ id: UserID, by admin: UserID, expected: Int?, at now: Timestamp,
        _ change: @escaping @Sendable (inout Account, _ otherAdmins: Int) throws -> SessionRevocation
    ) async throws -> User
}

extension AccountStore {
    /// Claims of one address among which a device token finds its account.
    static var claimants: Int { 100 }
}
