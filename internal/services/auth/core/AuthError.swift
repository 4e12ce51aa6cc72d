import SoukErrors

/// Why the auth service refused.
enum AuthError: SoukError, Hashable {
    case emailTaken
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
    case versionMismatch

    var kind: ErrorKind {
        switch self {
        case .emailTaken, .lastAdmin: .conflict
        case .invalidCredentials, .refreshInvalid, .refreshReused: .unauthenticated
        case .accountInactive, .wrongCurrentPassword: .forbidden
        case .throttled: .rateLimited
        case .busy: .unavailable
        case .unknownUser: .notFound
        case .versionMismatch: .preconditionFailed
        }
    }

    var code: String {
        switch self {
        case .emailTaken: "user.email_taken"
        case .invalidCredentials: "auth.invalid_credentials"
        case .accountInactive: "auth.account_inactive"
        case .refreshInvalid: "auth.refresh_invalid"
        case .refreshReused: "auth.refresh_reused"
        case .wrongCurrentPassword: "auth.wrong_current_password"
        case .throttled: "auth.throttled"
        case .busy: "auth.busy"
        case .unknownUser: "user.not_found"
        case .lastAdmin: "user.last_admin"
        case .versionMismatch: "user.version_mismatch"
        }
    }

    var message: String {
        switch self {
        case .emailTaken: "An account with this e-mail address exists already."
        case .invalidCredentials: "The e-mail address or the password is wrong."
        case .accountInactive: "This account has been deactivated."
        case .refreshInvalid: "The refresh token is not valid; log in again."
        case .refreshReused: "The refresh token was used before; its session has ended. Log in again."
        case .wrongCurrentPassword: "The current password is wrong."
        case .throttled: "Too many attempts; try again later."
        case .busy: "Too many people are logging in right now; try again in a moment."
        case .unknownUser: "There is no such user."
        case .lastAdmin: "The last active admin can't be removed."
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
