import HTTPTypes
import Hummingbird
import HummingbirdCore
import Instrumentation
import Tracing

/// Puts each request into a span, of the caller's trace if it sent a `traceparent` (W3C Trace Context).
///
/// The span covers the handling, not the writing of the answer, and is named by method and route.
struct TraceMiddleware: RouterMiddleware {
    typealias Context = SoukRequestContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var parent = InstrumentationContext.topLevel
        InstrumentationSystem.instrument.extract(request.headers, into: &parent, using: HeaderExtractor())
        let span = startSpan(request.method.rawValue, context: parent, ofKind: .server)
        defer { span.end() }
        span.attributes["http.request.method"] = request.method.rawValue
        span.attributes["client.address"] = context.clientAddress
        span.attributes["souk.request_id"] = context.requestID

        return try await InstrumentationContext.$current.withValue(span.context) {
            let response = try await next(request, context)
            span.attributes["url.path"] = context.publicPath(of: request)
            if let route = context.namedRoute {
                span.operationName = "\(request.method.rawValue) \(route)"
                span.attributes["http.route"] = route
            }
            span.attributes["http.response.status_code"] = response.status.code
            if response.status.code >= 500 { span.setStatus(SpanStatus(code: .error)) }
            return response
        }
    }

    private struct HeaderExtractor: Extractor {
        func extract(key: String, from headers: HTTPFields) -> String? {
            guard let name = HTTPField.Name(key) else { return nil }
            return headers[name]
        }
    }
}
