import Hummingbird
import SoukCallContext

/// Cancels a request that is not answered by its deadline: 504 `deadline.exceeded`.
struct TimeoutMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        try await withDeadline(context.call) { try await next(request, context) }
    }
}
