package import SoukCallContext
package import SoukErrors
package import SoukIDs

/// What the auth service offers its peers: who a user is, for messages to them.
package protocol AuthKernel: Sendable {
    /// The users with these ids, in no particular order; unknown ids are left out.
    ///
    /// - Parameter ids: at most 1,000.
    /// - Throws: ``AuthKernelError/unavailable(_:)``.
    func users(_ ids: [UserID], _ context: CallContext) async throws(AuthKernelError) -> [UserSummary]

    /// What the database says of these sessions and their accounts now, each one asked for; for guards.
    ///
    /// - Parameter sessions: at most 1,000.
    /// - Throws: ``AuthKernelError/unavailable(_:)``.
    func statuses(
        _ sessions: [SessionReference], _ context: CallContext
    ) async throws(AuthKernelError) -> [SessionReference: SessionStatus]
}

/// A login of a user, as access tokens name it.
package struct SessionReference: Sendable, Hashable {
    package let userID: UserID
    /// The `sid` of the access tokens.
    package let sessionID: String

    package init(userID: UserID, sessionID: String) {
        self.userID = userID
        self.sessionID = sessionID
    }
}

/// Whether a session's access tokens are still to be honoured, and with which rights.
package struct SessionStatus: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable {
        case active
        /// Logged out, revoked, expired, or not this user's; also one that never was.
        case ended
        /// An admin has deactivated the account.
        case deactivated
    }

    package let state: State
    /// What the account may be now; none unless the session is active.
    package let roles: Set<Role>
    /// The account's version, from 1; 0 for a session that is not known.
    package let version: Int

    package init(_ state: State, roles: Set<Role>, version: Int) {
        self.state = state
        self.roles = roles
        self.version = version
    }

    /// A session that never was, or not this user's.
    package static let unknown = SessionStatus(.ended, roles: [], version: 0)
}

/// A user as peers see one: no credentials.
package struct UserSummary: Sendable, Hashable {
    package let id: UserID
    package let email: String
    /// Whether the address is known to be the user's: nothing but verification goes to one that is not.
    package let isEmailVerified: Bool
    package let name: String
    package let roles: Set<Role>
    /// False once an admin has deactivated the account.
    package let isActive: Bool

    package init(
        id: UserID, email: String, isEmailVerified: Bool, name: String, roles: Set<Role>, isActive: Bool
    ) {
        self.id = id
        self.email = email
        self.isEmailVerified = isEmailVerified
        self.name = name
        self.roles = roles
        self.isActive = isActive
    }
}

package enum AuthKernelError: SoukError {
    /// The service or its database can't be reached now; the text is for logs.
    case unavailable(String)

    package var kind: ErrorKind { .unavailable }
    package var code: String { "auth.unavailable" }
    package var message: String { "The account service can't be reached right now." }
    package var detail: String? {
        switch self {
        case .unavailable(let detail): detail
        }
    }
}
