import HTTPTypes
import Hummingbird
import HummingbirdCore
import SoukErrors
import SoukHTTP

/// Answers `/livez`, `/readyz` and `/metrics`, and nothing else.
///
/// Outside of the middlewares: whoever watches the process is neither logged, counted nor limited.
struct OperationsResponder: HTTPResponder {
    typealias Context = SoukRequestContext

    let health: HostHealth
    let metrics: @Sendable () async -> String

    func respond(to request: Request, context: SoukRequestContext) async throws -> Response {
        try await answer(request) ?? Reply.problem(Self.unknown, requestID: context.requestID).response
    }

    /// Nil for other paths.
    func answer(_ request: Request) async throws -> Response? {
        switch request.uri.path {
        case "/livez": try await Self.answer(request, Self.liveness)
        case "/readyz": try await Self.answer(request, readiness)
        case "/metrics": try await Self.answer(request, exposition)
        default: nil
        }
    }

    static func liveness() throws -> Reply { try .json(.ok, ["status": "alive"]) }

    static func answer(_ request: Request, _ reply: () async throws -> Reply) async throws -> Response {
        guard request.method == .get || request.method == .head else {
            return Response(status: .methodNotAllowed, headers: HTTPFields(.allow, "GET, HEAD"))
        }
        var reply = try await reply()
        reply.headers[.cacheControl] = "no-store"
        return request.method == .head ? reply.response.createHeadResponse() : reply.response
    }

    private static let unknown = ServiceError(
        .notFound, code: "not_found", message: "Nothing is served here but /livez, /readyz and /metrics.")

    private func readiness() async throws -> Reply {
        let report = await health.report()
        return try Reply.json(report.status == .ready ? .ok : .serviceUnavailable, report)
    }

    /// Prometheus text format 0.0.4.
    private func exposition() async throws -> Reply {
        Reply(
            status: .ok, headers: HTTPFields(.contentType, "text/plain; version=0.0.4; charset=utf-8"),
            body: Array(await metrics().utf8))
    }
}

/// Hands requests to the routes once the process serves.
struct HostResponder: HTTPResponder {
    typealias Context = SoukRequestContext

    let routes: any HTTPResponder<SoukRequestContext>
    let health: HostHealth
    /// Nil where operations have a socket of their own, or none.
    let operations: OperationsResponder?
    /// Whether `/livez` is answered in any case, for the gateway in front.
    let saysItLives: Bool

    func respond(to request: Request, context: SoukRequestContext) async throws -> Response {
        if let response = try await operations?.answer(request) { return response }
        if saysItLives, request.uri.path == "/livez" {
            return try await OperationsResponder.answer(request, OperationsResponder.liveness)
        }
        guard !health.isStarting else {
            return Reply.problem(Self.starting, requestID: context.requestID).response
        }
        return try await routes.respond(to: request, context: context)
    }

    private static let starting = ServiceError(
        .unavailable, code: "service.starting", message: "The service is starting; try again shortly.",
        retryAfter: .seconds(1))
}
