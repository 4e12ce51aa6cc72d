import HTTPTypes
import Hummingbird
import SoukAuthToken
import SoukHTTP

/// Sign-up, log-in, refresh and log-out, and the public keys.
struct AuthRoutes: Sendable {
    let registration: Registration
    let login: Login
    let refresh: TokenRefresh
    let devices: DeviceTokens
    let keys: TokenKeys
    let clients: ClientAddresses

    /// Bodies here are a few hundred bytes; nobody has to send us a megabyte before we say no.
    private static let maxBytes = 16 << 10

    func register(on routes: Routes) {
        routes.open.post("/api/v1/auth/register") { request, context -> Reply in
            let body = try await request.body(RegisterBody.self, maxBytes: Self.maxBytes)
            let grant = try await registration.register(
                email: body.email, password: body.password, name: body.name,
                from: clients.client(context.clientAddress))
            return try await .created(
                GrantResponse(grant, deviceToken: devices.issue(for: grant.user.id)),
                location: "/api/v1/users/me", headers: .tokens)
        }
        routes.open.post("/api/v1/auth/login") { request, context -> Reply in
            let body = try await request.body(LoginBody.self, maxBytes: Self.maxBytes)
            let grant = try await login.logIn(
                email: body.email, password: body.password, from: clients.client(context.clientAddress),
                deviceToken: body.deviceToken)
            return try await .ok(
                GrantResponse(grant, deviceToken: devices.issue(for: grant.user.id)), headers: .tokens
            )
        }
        routes.open.post("/api/v1/auth/refresh") { request, context -> Reply in
            let body = try await request.body(RefreshBody.self, maxBytes: Self.maxBytes)
            let grant = try await refresh.refresh(
                body.refreshToken, from: clients.client(context.clientAddress))
            return try .ok(GrantResponse(grant), headers: .tokens)
        }
        routes.open.post("/api/v1/auth/logout") { request, context -> Reply in
            let body = try await request.body(RefreshBody.self, maxBytes: Self.maxBytes)
            try await refresh.logOut(body.refreshToken, from: clients.client(context.clientAddress))
            return .noContent
        }
        routes.open.get("/.well-known/jwks.json") { _, _ -> Reply in
            try .json(.ok, keys.jwks(), headers: HTTPFields(.cacheControl, "public, max-age=300"))
        }
    }
}

extension HTTPFields {
    /// Tokens belong in nobody's cache (RFC 6749, section 5.1).
    static let tokens = HTTPFields(.cacheControl, "no-store")
}
