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
