package import SoukCallContext
package import SoukErrors
package import SoukIDs
package import SoukPagination
package import SoukTime

/// Accounts and sessions as their owners and admins use them: what the public authentication API serves, with the
/// validation, throttles and audit of the HTTP routes.
package protocol AccountKernel: Sendable {
    /// Makes a customer's account and logs it in.
    ///
    /// - Parameter client: the address that the request comes from, for throttles and audit.
    /// - Throws: ``AccountError`` `validation.failed`, `auth.throttled`, `auth.busy`.
    func create(
        email: String, password: String, name: String, from client: String, _ context: CallContext
    ) async throws(AccountError) -> AccountGrant

    /// Opens a session.
    ///
    /// - Parameter deviceToken: that of an earlier grant to the account; nil where the client has none.
    /// - Throws: ``AccountError`` `validation.failed`, `auth.invalid_credentials`, `auth.account_inactive`, `auth.throttled`,
    ///   `auth.busy`.
    func logIn(
        email: String, password: String, deviceToken: String?, from client: String, _ context: CallContext
    ) async throws(AccountError) -> AccountGrant

    /// Exchanges a refresh token, which is good for one exchange.
    ///
    /// - Throws: ``AccountError`` `auth.refresh_invalid`, `auth.refresh_reused`.
    func refresh(
        _ refreshToken: String, from client: String, _ context: CallContext
    ) async throws(AccountError) -> AccountGrant

    /// Ends the session of a refresh token; one that is unknown or has ended is fine.
    func logOut(
        _ refreshToken: String, from client: String, _ context: CallContext
    ) async throws(AccountError)

    /// An account: the caller's own, or anybody's for admins.
    ///
    /// - Parameter id: nil for the caller's own.
    /// - Throws: ``AccountError`` `auth.required` without a principal, `auth.forbidden`, `user.not_found`,
    ///   `auth.account_inactive` for one's own.
    func user(_ id: UserID?, _ context: CallContext) async throws(AccountError) -> AccountUser

    /// The accounts, the newest first; for admins.
    ///
    /// - Throws: ``AccountError`` `auth.required` without a principal, `auth.forbidden`, `request.invalid`.
    func users(
        _ filter: AccountFilter, _ page: PageRequest, _ context: CallContext
    ) async throws(AccountError) -> Page<AccountUser>
}

/// Which accounts are wanted.
package struct AccountFilter: Sendable, Hashable {
    /// Part of the e-mail address or name, in any case, at most 100 characters; nil for all.
    package var text: String?
    package var role: Role?

    package init(text: String? = nil, role: Role? = nil) {
        self.text = text
        self.role = role
    }
}

/// Somebody with an account.
package struct AccountUser: Sendable, Hashable {
    package let id: UserID
    package let email: String
    /// Whether the address is known to be the user's.
    package let isEmailVerified: Bool
    package let name: String
    package let roles: Set<Role>
    /// False once an admin has deactivated the account.
    package let isActive: Bool
    /// Counts the changes, from 1.
    package let version: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    package init(
        id: UserID, email: String, isEmailVerified: Bool, name: String, roles: Set<Role>, isActive: Bool,
        version: Int, createdAt: Timestamp, updatedAt: Timestamp
    ) {
        self.id = id
        self.email = email
        self.isEmailVerified = isEmailVerified
        self.name = name
        self.roles = roles
        self.isActive = isActive
        self.version = version
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

/// What a login or refresh hands out.
package struct AccountGrant: Sendable {
    package let user: AccountUser
    package let accessToken: String
    package let refreshToken: String
    /// How long the access token is good for.
    package let expiresIn: Duration
    /// Shows at later log-ins that the account has signed in on this device; nil after a refresh.
    package let deviceToken: String?

    package init(
        user: AccountUser, accessToken: String, refreshToken: String, expiresIn: Duration,
        deviceToken: String?
    ) {
        self.user = user
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.expiresIn = expiresIn
        self.deviceToken = deviceToken
    }
}

/// Why the auth service refused, with the kind and code that its HTTP routes answer with.
package struct AccountError: SoukError, Hashable {
    package let kind: ErrorKind
    package let code: String
    package let message: String
    package let detail: String?
    package let fieldErrors: [FieldError]
    package let retryAfter: Duration?

    /// What any error says; one that says nothing means that there is no answer now.
    package init(_ error: any Error) {
        let known =
            error as? any SoukError
            ?? ServiceError(
                .unavailable, code: "auth.unavailable",
                message: "The account service can't be reached right now.", detail: "\(error)")
        kind = known.kind
        code = known.code
        message = known.message
        detail = known.detail
        fieldErrors = known.fieldErrors
        retryAfter = known.retryAfter
    }
}
