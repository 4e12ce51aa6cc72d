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

    /// How these sessions stand now, each one asked for; for guards, which remember the answer for a while.
    ///
    /// - Parameter sessions: at most 1,000.
    /// - Throws: ``AuthKernelError/unavailable(_:)``.
    func standings(
        _ sessions: [SessionReference], _ context: CallContext
    ) async throws(AuthKernelError) -> [SessionReference: SessionStanding]
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

/// Whether a session's access tokens are still to be honoured.
package enum SessionStanding: String, Sendable, CaseIterable {
    case active
    /// Logged out, revoked, expired, or not this user's; also one that never was.
    case ended
    /// An admin has deactivated the account.
    case deactivated
}

/// A user as peers see one: no credentials.
package struct UserSummary: Sendable, Hashable {
    package let id: UserID
    package let email: String
    package let name: String
    package let roles: Set<Role>
    /// False once an admin has deactivated the account.
    package let isActive: Bool

    package init(id: UserID, email: String, name: String, roles: Set<Role>, isActive: Bool) {
        self.id = id
        self.email = email
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
