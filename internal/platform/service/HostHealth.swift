import HTTPTypes
import Hummingbird
import HummingbirdCore
import SoukErrors
import SoukHTTP
import Synchronization

/// In which part of its life the process is, and whether it can serve.
final class HostHealth: Sendable {
    enum Phase: Sendable {
        case starting, serving, stopping
    }

    private let phase = Mutex(Phase.starting)
    private let probes: [ReadinessProbe]

    init(probes: [ReadinessProbe]) {
        self.probes = probes
    }

    /// Stopping is final.
    func enter(_ next: Phase) {
        phase.withLock { if $0 != .stopping { $0 = next } }
    }

    var isStarting: Bool { phase.withLock { $0 == .starting } }

    /// Asks every probe, all at once.
    func report() async -> ReadinessReport {
        let checks = await withTaskGroup(of: (Int, ReadinessReport.Check).self) { group in
            for (index, probe) in probes.enumerated() {
                group.addTask { (index, await probe.run()) }
            }
            var checks: [(Int, ReadinessReport.Check)] = []
            for await check in group { checks.append(check) }
            return checks.sorted { $0.0 < $1.0 }.map(\.1)
        }
        let status: ReadinessReport.Status =
            switch phase.withLock({ $0 }) {
            case .starting: .starting
            case .stopping: .stopping
            case .serving: checks.contains { $0.status == .failing } ? .failing : .ready
            }
        return ReadinessReport(status: status, checks: checks)
    }
}

/// Answers `/livez`, `/readyz` and `/metrics`, and leaves everything else to the routes.
///
/// Outside of the middlewares: whoever watches the process is neither logged, counted nor limited.
struct HostResponder: HTTPResponder {
    typealias Context = SoukRequestContext

    let routes: any HTTPResponder<SoukRequestContext>
    let health: HostHealth
    let metrics: @Sendable () async -> String

    func respond(to request: Request, context: SoukRequestContext) async throws -> Response {
        let answer: @Sendable () async throws -> Reply
        switch request.uri.path {
        case "/livez": answer = { try Reply.json(.ok, ["status": "alive"]) }
        case "/readyz": answer = readiness
        case "/metrics": answer = exposition
        default:
            guard !health.isStarting else {
                return Reply.problem(Self.starting, requestID: context.requestID).response
            }
            return try await routes.respond(to: request, context: context)
        }
        guard request.method == .get || request.method == .head else {
            return Response(status: .methodNotAllowed, headers: HTTPFields(.allow, "GET, HEAD"))
        }
        var reply = try await answer()
        reply.headers[.cacheControl] = "no-store"
        return request.method == .head ? reply.response.createHeadResponse() : reply.response
    }

    private static let starting = ServiceError(
        .unavailable, code: "service.starting", message: "The service is starting; try again shortly.",
        retryAfter: .seconds(1))

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
