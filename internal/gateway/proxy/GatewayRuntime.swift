import CoreMetrics
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import SoukAuthToken
import SoukCallContext
import SoukHTTP
import SoukHTTPWire
import Synchronization
import SoukText

/// What all event loops of a gateway share.
final class GatewayRuntime: Sendable {
    let tokens: VerifiedTokens
    /// This process's own routes; nil before they are known.
    let responder: (any HTTPResponder<SoukRequestContext>)?
    let budgets = ClientBudgets()
    /// Bytes of request bodies that are in memory, of all clients.
    let bodyBytes = Atomic<Int>(0)
    let refusals = BudgetMetrics()
    let localLogger = Logger(label: "souk.http")
    private let logger: Logger

    init(
        tokens: VerifiedTokens, responder: (any HTTPResponder<SoukRequestContext>)?,
        logger: Logger = Logger(label: "souk.gateway")
    ) {
        self.logger = logger
        self.tokens = tokens
        self.responder = responder
    }

    func log(_ failure: UpstreamFailure, upstream: String, exchange: Exchange) {
        logger.warning(
            "no answer of a service",
            metadata: [
                "upstream": "\(upstream)", "route": "\(exchange.route.policy.pattern)", "error": "\(failure)",
                "request_id": "\(exchange.identity.text)",
            ])
    }

    /// What was refused before it was a request.
    func noteRefusal(_ refusal: Refusal, client: String, identity: RequestIdentity) {
        logger.info(
            "no request",
            metadata: [
                "status": "\(refusal.status)", "code": "\(refusal.code)", "client": "\(client)",
                "request_id": "\(identity.text)",
            ])
    }

    /// The access log's line: no query, no header fields, no path where it is a secret.
    func logAccess(_ exchange: Exchange, client: String, durationMicroseconds: Int64) {
        var metadata: Logger.Metadata = [
            "method": "\(exchange.head.methodText)", "route": "\(exchange.route.policy.pattern)",
            "path": "\(exchange.publicPath)", "status": "\(exchange.status)",
            "duration_ms": "\(durationMicroseconds / 1_000)", "bytes": "\(exchange.bodySent)",
            "client": "\(client)",
            "request_id": "\(exchange.identity.text)", "trace_id": "\(exchange.identity.traceID)",
        ]
        if let upstream = exchange.lastAddress { metadata["upstream"] = "\(upstream)" }
        if let user = exchange.principal?.userID { metadata["user_id"] = "\(user)" }
        logger.info("request", metadata: metadata)
    }
}

extension Exchange {
    /// Counts the request, and logs it where the policy asks for that; what goes to this process's own routes is logged there.
    func record() {
        let duration = NIODeadline.now() - began
        route.metrics.record(status: status, duration: duration)
        route.metrics.inFlight.decrement()
        guard !isLocal, state.policy.policy.accessLog else { return }
        state.gateway.logAccess(
            self, client: clientAddress, durationMicroseconds: duration.nanoseconds / 1_000)
    }

    /// The path for logs: `{token}` stands where the route's pattern has it, for who knows it may use it.
    var publicPath: String {
        let path = head.path
        guard route.policy.pattern.contains(bytes: "{token}") else { return path }
        let names = route.policy.pattern.split(byte: "/")
        return zip(path.split(byte: "/"), names).map { $1 == "{token}" ? "/{token}" : "/\($0)" }.joined()
    }
}
