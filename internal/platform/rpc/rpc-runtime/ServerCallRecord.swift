import GRPCCore
import Logging
import Metrics
import SoukCallContext
import SoukErrors
import Synchronization
import Tracing

/// What is noted of one call on the server, and its one log line, measurement and span at the end.
final class ServerCallRecord: Sendable {
    private struct State {
        var span: (any Span)?
        var caller: String?
        var principal: Principal?
        var hasEnded = false
    }

    private let method: MethodDescriptor
    private let peer: String
    private let requestID: String
    private let logger: Logger
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    init(method: MethodDescriptor, peer: String, requestID: String, logger: Logger) {
        self.method = method
        self.peer = peer
        self.requestID = requestID
        self.logger = logger
    }

    var span: (any Span)? {
        get { state.withLock { $0.span } }
        set { state.withLock { $0.span = newValue } }
    }

    /// The service that calls, once proven.
    var caller: String? {
        get { state.withLock { $0.caller } }
        set { state.withLock { $0.caller = newValue } }
    }

    /// On whose behalf, once proven.
    var principal: Principal? {
        get { state.withLock { $0.principal } }
        set { state.withLock { $0.principal = newValue } }
    }

    /// The call went well.
    func end() { end(code: .ok, failure: nil, detail: nil) }

    /// The call failed with `error`; returns what the caller is told.
    @discardableResult
    func end(_ error: any Error) -> RPCError {
        let (answer, detail) = Self.answer(to: error)
        end(
            code: Status.Code(answer.code), failure: answer.metadata.first(RPCMetadataKey.errorCode),
            detail: detail)
        return answer
    }

    /// The status for an error, and what only the log is told. Unknown errors say nothing of themselves.
    private static func answer(to error: any Error) -> (RPCError, String?) {
        switch error {
        case let error as RPCError:
            return (error, error.cause.map { String(describing: $0) })
        case let error as RPCFailure:
            return (error.rpcError, error.detail)
        case let error as any SoukError:
            return (RPCFailure(error).rpcError, error.detail)
        case let error as any RPCErrorConvertible:
            return (RPCError(error), nil)
        case is CancellationError:
            return (RPCError(code: .cancelled, message: "The call was cancelled."), nil)
        default:
            let failure = ServiceError(
                .internalError, code: "internal", message: "Something went wrong on our side.")
            return (RPCFailure(failure).rpcError, String(reflecting: error))
        }
    }

    private func end(code: Status.Code, failure: String?, detail: String?) {
        let first = state.withLock { state in
            defer { state.hasEnded = true }
            return !state.hasEnded
        }
        guard first else { return }
        let duration = ContinuousClock.now - start
        let service = method.service.fullyQualifiedService
        let labels = [("service", service), ("method", method.method)]
        Counter(label: "rpc_server_requests_total", dimensions: labels + [("code", "\(code)")]).increment()
        Timer(
            label: "rpc_server_request_duration_seconds", dimensions: labels, preferredDisplayUnit: .seconds
        ).record(duration: duration)

        var metadata: Logger.Metadata = [
            "service": "\(service)", "method": "\(method.method)", "code": "\(code)",
            "duration_ms": "\(duration.wholeMilliseconds)", "client": "\(peer)",
            "request_id": "\(requestID)",
        ]
        if let caller { metadata["caller"] = "\(caller)" }
        if let principal { metadata["user_id"] = "\(principal.userID)" }
        if let failure { metadata["error"] = "\(failure)" }
        if let detail { metadata["detail"] = "\(detail)" }
        logger.log(
            level: code == .internalError || code == .unknown ? .error : .info, "rpc", metadata: metadata)

        guard let span else { return }
        span.attributes["rpc.system"] = "grpc"
        span.attributes["rpc.service"] = service
        span.attributes["rpc.method"] = method.method
        span.attributes["rpc.grpc.status_code"] = code.rawValue
        span.attributes["souk.request_id"] = requestID
        if [.unknown, .internalError, .unavailable, .deadlineExceeded, .dataLoss].contains(code) {
            span.setStatus(SpanStatus(code: .error))
        }
        span.end()
    }
}
