import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import Metrics

/// One log line and one measurement per request.
///
/// Neither query nor header fields are logged, nor what a route's template calls `{token}`: secrets travel there.
struct AccessLogMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext
    /// Anything else is one label value, or a client could make up a metric per request.
    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    var logger = Logger(label: "souk.http")

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        do {
            let response = try await next(request, context)
            record(
                request, context, status: response.status.code, bytes: response.body.contentLength,
                since: start)
            return response
        } catch {
            // Only what can't be answered gets here, as a broken connection.
            record(request, context, status: 400, bytes: 0, since: start)
            throw error
        }
    }

    private func record(
        _ request: Request, _ context: Context, status: Int, bytes: Int?, since start: ContinuousClock.Instant
    ) {
        let duration = ContinuousClock.now - start
        let method = Self.methods.contains(request.method.rawValue) ? request.method.rawValue : "OTHER"
        let route = context.namedRoute ?? "unmatched"
        Counter(
            label: "http_server_requests_total",
            dimensions: [("method", method), ("route", route), ("status", String(status))]
        ).increment()
        Timer(
            label: "http_server_request_duration_seconds", dimensions: [("route", route)],
            preferredDisplayUnit: .seconds
        ).record(duration: duration)

        guard logger.logLevel <= .info else { return }
        var metadata: Logger.Metadata = [
            "method": "\(method)", "route": "\(route)", "path": "\(context.publicPath(of: request))",
            "status": "\(status)",
            "duration_ms": "\(duration.wholeMilliseconds)", "client": "\(context.clientAddress)",
            "request_id": "\(context.requestID)",
        ]
        if let bytes { metadata["bytes"] = "\(bytes)" }
        if let user = context.notes.userID { metadata["user_id"] = "\(user)" }
        logger.info("request", metadata: metadata)
    }
}

extension Duration {
    var wholeMilliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}
