import HTTPTypes
import Hummingbird
import SoukHTTP

/// Answers preflights and marks answers, as the policy allows.
struct CORSMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    let policy: CORSPolicy

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let origin = request.headers[.origin] else { return try await next(request, context) }
        let allowed = policy.allowedOrigin(for: origin)
        if request.method == .options, request.headers[.accessControlRequestMethod] != nil {
            return preflight(allowed)
        }
        var response = try await next(request, context)
        mark(&response.headers, allowed)
        if allowed != nil { response.headers[.accessControlExposeHeaders] = CORSPolicy.exposedHeaders }
        return response
    }

    /// 204 either way; without the `Access-Control` fields the browser refuses.
    private func preflight(_ allowed: String?) -> Response {
        var headers = HTTPFields()
        mark(&headers, allowed)
        if allowed != nil {
            headers[.accessControlAllowMethods] = CORSPolicy.methods
            headers[.accessControlAllowHeaders] = CORSPolicy.requestHeaders
            headers[.accessControlMaxAge] = String(CORSPolicy.maxAgeSeconds)
        }
        return Response(status: .noContent, headers: headers)
    }

    private func mark(_ headers: inout HTTPFields, _ allowed: String?) {
        headers[.accessControlAllowOrigin] = allowed
        // Caches must not hand one origin's answer to another.
        if allowed != "*" { headers.append(HTTPField(name: .vary, value: "Origin")) }
    }
}
