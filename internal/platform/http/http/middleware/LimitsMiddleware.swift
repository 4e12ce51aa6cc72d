import HTTPTypes
import Hummingbird
import HummingbirdCore
import SoukErrors

/// Refuses what is too large to look at, before anything looks at it.
struct LimitsMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    let options: HTTPOptions

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if (request.head.path ?? "").utf8.count > options.maxTargetBytes {
            throw HTTPError(
                .uriTooLong, message: "The address must not have more than \(options.maxTargetBytes) bytes.")
        }
        // 32 more per field, as HTTP/2 counts (RFC 9113, section 6.5.2).
        let size = request.headers.reduce(0) { $0 + $1.name.rawName.utf8.count + $1.value.utf8.count + 32 }
        if request.headers.count > options.maxHeaderFields || size > options.maxHeaderBytes {
            throw HTTPError(.requestHeaderFieldsTooLarge, message: "The header fields are too large.")
        }
        if let length = request.headers[.contentLength].flatMap(Int.init), length > options.maxBodyBytes {
            throw ServiceError.bodyTooLarge(options.maxBodyBytes)
        }
        if request.queryItems() == nil {
            throw ValidationError.malformed([
                FieldError(field: "", code: "query", message: "The query is not properly encoded.")
            ])
        }
        return try await next(request, context)
    }
}
