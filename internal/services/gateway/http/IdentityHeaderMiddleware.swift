import HTTPTypes
import Hummingbird
import SoukHTTP

/// Takes off every header by which a caller could pretend to have been identified.
struct IdentityHeaderMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.headers.contains(where: { IdentityHeaders.contains($0.name.canonicalName) }) else {
            return try await next(request, context)
        }
        var head = request.head
        head.headerFields = HTTPFields(
            head.headerFields.filter { !IdentityHeaders.contains($0.name.canonicalName) })
        return try await next(Request(head: head, body: request.body), context)
    }
}
