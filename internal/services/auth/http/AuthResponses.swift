import SoukCallContext
import SoukIDs
import SoukTime

/// A user in an answer.
struct UserResponse: Encodable, Sendable {
    let id: UserID
    let email: String
    let emailVerified: Bool
    let name: String
    let roles: [String]
    let active: Bool
    let version: Int
    let createdAt: Timestamp
    let updatedAt: Timestamp

    init(_ user: User) {
        id = user.id
        email = user.email
        emailVerified = user.isEmailVerified
        name = user.name
        roles = user.roles.map(\.rawValue).sorted()
        active = user.isActive
        version = user.version
        createdAt = user.createdAt
        updatedAt = user.updatedAt
    }
}

/// The tokens of a login, named as RFC 6749, section 5.1 names them.
struct GrantResponse: Encodable, Sendable {
    let user: UserResponse
    let accessToken: String
    let refreshToken: String
    let tokenType: String
    /// Seconds.
    let expiresIn: Int64
    /// Shows at later log-ins that the account has signed in on this device; a refresh has none.
    let deviceToken: String?

    init(_ grant: Grant, deviceToken: String? = nil) {
        self.deviceToken = deviceToken
        user = UserResponse(grant.user)
        accessToken = grant.accessToken
        refreshToken = grant.refreshToken
        tokenType = "Bearer"
        expiresIn = grant.expiresIn.components.seconds
    }
}

/// What a password reset hands out.
struct DeviceTokenResponse: Encodable, Sendable {
    let deviceToken: String
}
