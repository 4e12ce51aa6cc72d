import SoukErrors

/// Why the auth service refused.
enum AuthError: SoukError, Hashable {
    /// Another account has verified the address: only its mailbox's owner gets to know.
    case addressInUse
    /// The address is verified already: there is nothing to send.
    case addressVerified
    /// A token from a mail that is unknown, expired, used or of another account: nobody can tell which.
    case mailTokenInvalid
    /// Unknown user or wrong password: nobody can tell which.
    case invalidCredentials
    /// The right password of an account that an admin deactivated.
    case accountInactive
    /// Unknown, expired or revoked.
    case refreshInvalid
    /// A token that was exchanged before: its family is revoked.
    case refreshReused
    /// The current password, given to change it, is wrong.
    case wrongCurrentPassword
    case throttled(retryAfter: Duration)
    /// More passwords wait to be hashed than can be soon.
    case busy
    case unknownUser
    /// It would leave the marketplace without an active admin.
    case lastAdmin
    /// The caller is no active admin any more.
    case notAdmin
    /// The role `vendor` is given and taken with the vendor account's status.
    case roleFollowsVendor
    case versionMismatch

    var kind: ErrorKind {
        switch self {
        case .addressInUse, .addressVerified, .lastAdmin, .roleFollowsVendor: .conflict
        case .invalidCredentials, .refreshInvalid, .refreshReused: .unauthenticated
        case .accountInactive, .wrongCurrentPassword, .notAdmin, .mailTokenInvalid: .forbidden
        case .throttled: .rateLimited
        case .busy: .unavailable
        case .unknownUser: .notFound
        case .versionMismatch: .preconditionFailed
        }
    }

    var code: String {
        switch self {
        case .addressInUse: "user.address_in_use"
        case .addressVerified: "user.address_verified"
        case .mailTokenInvalid: "auth.mail_token_invalid"
        case .invalidCredentials: "auth.invalid_credentials"
        case .accountInactive: "auth.account_inactive"
        case .refreshInvalid: "auth.refresh_invalid"
        case .refreshReused: "auth.refresh_reused"
        case .wrongCurrentPassword: "auth.wrong_current_password"
        case .throttled: "auth.throttled"
        case .busy: "auth.busy"
        case .unknownUser: "user.not_found"
        case .lastAdmin: "user.last_admin"
        case .notAdmin: "auth.forbidden"
        case .roleFollowsVendor: "role.follows_vendor"
        case .versionMismatch: "user.version_mismatch"
        }
    }

    var message: String {
        switch self {
        case .addressInUse:
            "Another account has verified this e-mail address; log in to that one, or use another address."
        case .addressVerified: "The e-mail address is verified already."
        case .mailTokenInvalid: "The token is unknown, expired or used; ask for another mail."
        case .invalidCredentials: "The e-mail address or the password is wrong."
        case .accountInactive: "This account has been deactivated."
        case .refreshInvalid: "The refresh token is not valid; log in again."
        case .refreshReused: "The refresh token was used before; its session has ended. Log in again."
        case .wrongCurrentPassword: "The current password is wrong."
        case .throttled: "Too many attempts; try again later."
        case .busy: "Too many people are logging in right now; try again in a moment."
        case .unknownUser: "There is no such user."
        case .lastAdmin: "The last active admin can't be removed."
        case .notAdmin: "Only administrators may do this."
        case .roleFollowsVendor:
            "The role 'vendor' follows the vendor account; approve, suspend or reinstate the vendor instead."
        case .versionMismatch: "The user has changed since it was read."
        }
    }

    var retryAfter: Duration? {
        switch self {
        case .throttled(let wait): wait
        case .busy: .seconds(2)
        default: nil
        }
    }
}
