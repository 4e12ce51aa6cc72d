import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Tells browsers and caches to be careful, where the handler has not said otherwise.
struct SecurityHeadersMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.frameOptions] = "DENY"
        response.headers[.referrerPolicy] = "no-referrer"
        if response.headers[.contentSecurityPolicy] == nil {
            response.headers[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
        }
        // Who reads a path with a secret in it proves who he is by the path alone.
        let isPublic =
            request.headers[.authorization] == nil && !context.hasSecretPath && response.status.code < 400
            && (request.method == .get || request.method == .head)
        if !isPublic, response.headers[.cacheControl] == nil {
            response.headers[.cacheControl] = "no-store"
        }
        return response
    }
}
