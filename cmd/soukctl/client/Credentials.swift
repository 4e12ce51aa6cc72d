import Foundation

/// What a login gave. Never printed.
struct Credentials: Codable, Sendable {
    /// The one server that these are sent to.
    let url: String
    let email: String
    var accessToken: String
    var refreshToken: String
    /// When the access token ends, by this machine's clock.
    var expiresAt: Date

    /// Whether the access token is good for another request.
    func isFresh(at now: Date = Date()) -> Bool {
        expiresAt.timeIntervalSince(now) > Self.leeway
    }

    /// Seconds that a request may be on its way.
    private static let leeway = 2.0
}

/// The answer to a login or a refresh (RFC 6749, section 5.1).
struct Grant: Decodable {
    struct User: Decodable {
        let email: String
        let name: String
        let roles: [String]
    }

    let user: User
    let accessToken: String
    let refreshToken: String
    let expiresIn: Double

    func credentials(for server: Server) -> Credentials {
        Credentials(
            url: server.description, email: user.email, accessToken: accessToken, refreshToken: refreshToken,
            expiresAt: Date().addingTimeInterval(expiresIn))
    }
}
