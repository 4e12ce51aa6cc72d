import SoukCallContext
import SoukIDs
import SoukTime

/// A user in an answer.
struct UserResponse: Encodable, Sendable {
    let id: UserID
    let email: String
    let name: String
    let roles: [String]
    let active: Bool
    let version: Int
    let createdAt: Timestamp
    let updatedAt: Timestamp

    init(_ user: User) {
        id = user.id
        email = user.email
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

    init(_ grant: Grant) {
        user = UserResponse(grant.user)
        accessToken = grant.accessToken
        refreshToken = grant.refreshToken
        tokenType = "Bearer"
        expiresIn = grant.expiresIn.components.seconds
    }
}
