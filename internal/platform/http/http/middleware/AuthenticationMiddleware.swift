import HTTPTypes
import Hummingbird
import Logging
import SoukAuthToken
import SoukErrors
import SoukCallContext
import SoukIDs
import SoukText

/// Verifies the bearer token (RFC 6750) if one was sent, and asks whether its session goes on and which roles its account
/// has. A bad one is refused even where none is needed.
struct AuthenticationMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    let verifier: any TokenVerifier
    /// nil: a token is good until it expires, with the roles in it.
    let accounts: (any AccountGuard)?

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let fields = request.headers[values: .authorization]
        guard let field = fields.first else { return try await next(request, context) }
        guard fields.count == 1, let token = BearerToken.text(field) else {
            throw ServiceError(
                .unauthenticated, code: "token.malformed", message: "Authorization must be one bearer token.")
        }
        let principal = try await verifier.verify(token)
        var context = context
        context.principal = principal
        context.notes.userID = principal.userID.description
        var logger = context.logger
        logger[metadataKey: "user_id"] = "\(principal.userID)"
        context.logger = logger
        if let accounts {
            context.principal = try await accounts.admit(principal, .remembered, context.call)
        }
        context.proof = AccessToken(token)
        return try await next(request, context)
    }

    /// The `WWW-Authenticate` of a 401: no error code where no token was sent (RFC 6750, section 3.1).
    static func challenge(for error: any SoukError) -> String {
        guard error.code.hasPrefix(bytes: "token.") else { return "Bearer realm=\"souk\"" }
        return "Bearer realm=\"souk\", error=\"invalid_token\""
    }
}
