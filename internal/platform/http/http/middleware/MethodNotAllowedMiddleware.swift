import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Answers 405 with `Allow` where the router would say 404 although the path exists with another method.
struct MethodNotAllowedMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    let catalogue: RouteCatalogue

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        // The router has set the template by now if it found a route.
        if context.routeTemplate == nil {
            let methods = catalogue.methods(at: request.uri.path)
            guard methods.isEmpty else {
                throw HTTPError(
                    .methodNotAllowed, headers: HTTPFields(.allow, methods.joined(separator: ", ")),
                    message: "Only \(methods.joined(separator: ", ")) can be used here.")
            }
        }
        return try await next(request, context)
    }
}
