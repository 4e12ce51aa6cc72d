import Hummingbird
import Logging
import NIOHTTP1

/// Makes a problem document of whatever is thrown; a fault of ours is logged here and nowhere else.
struct ErrorMappingMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPParserError {
            // The connection is not usable any more: the server answers and closes it.
            throw error
        } catch {
            let problem = Problem(error)
            problem.log(to: context.logger, route: context.namedRoute)
            return problem.reply(requestID: context.requestID).response
        }
    }
}
