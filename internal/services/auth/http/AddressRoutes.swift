import HTTPTypes
import Hummingbird
import SoukHTTP

/// Verification and change of addresses, and passwords that were forgotten.
struct AddressRoutes: Sendable {
    let claims: AddressClaims
    let reset: PasswordReset
    let clients: ClientAddresses

    private static let maxBytes = 16 << 10

    func register(on routes: Routes) {
        routes.user.post("/api/v1/auth/email/verify") { request, context -> Reply in
            let body = try await request.body(MailTokenBody.self, maxBytes: Self.maxBytes)
            let user = try await claims.verify(
                body.token, by: context.principal, from: clients.client(context.clientAddress))
            return try .ok(UserResponse(user), version: user.version)
        }
        routes.user.post("/api/v1/auth/email/resend") { _, context -> Reply in
            try await claims.resend(
                by: context.principal, from: clients.client(context.clientAddress))
            return Reply(status: .accepted)
        }
        routes.user.post("/api/v1/auth/email/change") { request, context -> Reply in
            let body = try await request.body(AddressBody.self, maxBytes: Self.maxBytes)
            try await claims.change(
                to: body.email, currentPassword: body.currentPassword, by: context.principal,
                from: clients.client(context.clientAddress))
            return Reply(status: .accepted)
        }
        routes.open.post("/api/v1/auth/password/forgot") { request, context -> Reply in
            let body = try await request.body(ForgotBody.self, maxBytes: Self.maxBytes)
            try await reset.forgot(body.email, from: clients.client(context.clientAddress))
            return Reply(status: .accepted)
        }
        routes.open.post("/api/v1/auth/password/reset") { request, context -> Reply in
            let body = try await request.body(ResetBody.self, maxBytes: Self.maxBytes)
            let deviceToken = try await reset.reset(
                body.token, to: body.password, from: clients.client(context.clientAddress))
            return try .ok(DeviceTokenResponse(deviceToken: deviceToken), headers: .tokens)
        }
    }
}
