import SoukCallContext
import SoukErrors
import SoukIDs
import SoukTime

/// Somebody with an account.
struct User: Sendable, Hashable {
    let id: UserID
    /// Normalised, see ``EmailAddress``. Anybody may claim one; it is the user's once it is verified.
    var email: String
    /// When the user showed that the address is theirs; nil until then.
    var emailVerifiedAt: Timestamp?
    var name: String
    var roles: Set<Role>
    /// False once an admin has deactivated the account.
    var isActive: Bool
    /// Counts the changes, from 1.
    var version: Int
    let createdAt: Timestamp
    var updatedAt: Timestamp

    init(
        id: UserID = UserID(), email: String, emailVerifiedAt: Timestamp? = nil, name: String,
        roles: Set<Role>,
        isActive: Bool = true, version: Int = 1, createdAt: Timestamp, updatedAt: Timestamp? = nil
    ) {
        self.id = id
        self.email = email
        self.emailVerifiedAt = emailVerifiedAt
        self.name = name
        self.roles = roles
        self.isActive = isActive
        self.version = version
        self.createdAt = createdAt
        self.updatedAt = updatedAt ?? createdAt
    }

    var isEmailVerified: Bool { emailVerifiedAt != nil }
}

/// A user and the hash of the password.
struct Account: Sendable, Hashable {
    var user: User
    var passwordHash: String
}

/// Which sessions a change of an account ends.
enum SessionRevocation: Sendable, Hashable {
    case none
    case all
    /// All of them, because the password was reset.
    case allForNewPassword
    case allBut(sessionID: String)
}

/// Which users an admin wants to see.
struct UserFilter: Sendable, Hashable {
    /// Part of the e-mail address or name, in any case.
    var text: String?
    var role: Role?

    /// Whether a text may be looked for.
    static func check(_ text: String, field: String) throws(ValidationError) {
        guard text.count <= 100, !text.utf8.contains(0) else {
            throw .malformed([
                FieldError(
                    field: field, code: "length", message: "The value must have at most 100 characters.")
            ])
        }
    }
}
