import GRPCCore
import Instrumentation
import Logging
import Metrics
import SoukAuthToken
import SoukCallContext
import SoukErrors
import SoukIDs
import Synchronization
import Tracing
import SoukText

/// What every call goes through: who calls and may they, until when, in which trace; one log line and one
/// measurement; and errors as their statuses.
///
/// One interceptor and not five, because each part needs what the one before has found.
final class ServerGate: ServerInterceptor {
    private let access: [String: RPCAccess]
    private let streaming: Set<String>
    private let options: RPCServerOptions
    private let identities: ServiceKeyRing?
    private let verifier: (any TokenVerifier)?
    private let accounts: (any AccountGuard)?
    private let logger: Logger
    private let isDraining = Atomic(false)

    init(
        access: [String: RPCAccess], streaming: Set<String>, options: RPCServerOptions,
        identities: ServiceKeyRing?, verifier: (any TokenVerifier)?,
        accounts: (any AccountGuard)?, logger: Logger
    ) {
        self.access = access
        self.streaming = streaming
        self.options = options
        self.identities = identities
        self.verifier = verifier
        self.accounts = accounts
        self.logger = logger
    }

    /// From now on calls are not cancelled by the transport's cancellation: it cancels all when it shuts down,
    /// and they are to finish.
    func beginDraining() { isDraining.store(true, ordering: .releasing) }

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: ServerContext,
        next:
            @Sendable (
                _ request: StreamingServerRequest<Input>, _ context: ServerContext
            ) async throws -> StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        let method = context.descriptor.fullyQualifiedMethod
        let isStreaming = streaming.contains(method)
        let requestID = Self.requestID(request.metadata)
        let record = ServerCallRecord(
            method: context.descriptor, peer: context.remotePeer, requestID: requestID, logger: logger)
        var parent = ServiceContext.topLevel
        InstrumentationSystem.instrument.extract(request.metadata, into: &parent, using: MetadataExtractor())
        let span = startSpan(method, context: parent, ofKind: .server)
        record.span = span

        return await ServiceContext.$current.withValue(span.context) {
            do {
                let call = try await self.admitted(request.metadata, context, requestID, isStreaming, record)
                var context = context
                context.transportSpecific = call
                let admitted = context
                let response = try await withoutActuallyEscaping(next) { next in
                    try await self.cancelling(context) {
                        try await withDeadline(call.context) { try await next(request, admitted) }
                    }
                }
                return self.finished(response, admitted, isStreaming, record)
            } catch {
                return StreamingServerResponse(error: record.end(error))
            }
        }
    }

    // MARK: Admission

    private func admitted(
        _ metadata: Metadata, _ context: ServerContext, _ requestID: String, _ isStreaming: Bool,
        _ record: ServerCallRecord
    ) async throws -> RPCCall {
        let anonymous = CallContext(requestID: requestID, deadline: try deadline(metadata, isStreaming))
        func call(_ callContext: CallContext, caller: String?) -> RPCCall {
            RPCCall(context: callContext, caller: caller, connection: context.transportSpecific)
        }
        switch access[context.descriptor.service.fullyQualifiedService] {
        case nil:
            throw RPCFailure(
                .forbidden, code: "rpc.forbidden", message: "The method is not offered.", origin: .transport)
        case .open:
            return call(anonymous, caller: nil)
        case .user:
            return call(try await user(metadata, anonymous, record), caller: nil)
        case .services(let callers):
            return call(anonymous, caller: try await service(metadata, callers, record))
        case .delegated(let callers, let role):
            let caller = try await service(metadata, callers, record)
            let user = try await user(metadata, anonymous, record)
            guard user.principal?.has(role) == true else {
                throw ServiceError(
                    .forbidden, code: "auth.forbidden",
                    message: "The method needs the role '\(role.rawValue)'.")
            }
            return call(user, caller: caller)
        }
    }

    /// The service that its own token proves, if it is one of `callers`.
    private func service(
        _ metadata: Metadata, _ callers: Set<String>, _ record: ServerCallRecord
    ) async throws -> String {
        guard let token = metadata.first(RPCMetadataKey.identity), let identities else {
            throw ServiceTokenError.missing
        }
        let caller = try await identities.caller(of: token)
        record.caller = caller
        guard callers.contains(caller) else {
            throw RPCFailure(
                .forbidden, code: "rpc.caller_not_allowed",
                message: "This service may not call the method.", origin: .transport)
        }
        guard RPCMetadataKey.unproven.allSatisfy({ metadata.first($0) == nil }) else {
            throw RPCFailure(
                .unauthenticated, code: "rpc.principal_unproven",
                message: "A user is proven by an access token; the call only names one.", origin: .transport)
        }
        return caller
    }

    /// The call for the user whom the access token proves, as the account is now.
    private func user(
        _ metadata: Metadata, _ call: CallContext, _ record: ServerCallRecord
    ) async throws -> CallContext {
        guard let header = metadata.first(RPCMetadataKey.authorization) else {
            throw ServiceError(
                .unauthenticated, code: "token.missing", message: "The call needs an access token.")
        }
        guard let token = BearerToken.text(header), let verifier else {
            throw ServiceError(
                .unauthenticated, code: "token.invalid", message: "The access token is not valid.")
        }
        var principal = try await verifier.verify(token)
        record.principal = principal
        if let accounts { principal = try await accounts.admit(principal, .current, call) }
        return CallContext(
            requestID: call.requestID, principal: principal, proof: AccessToken(token),
            deadline: call.deadline)
    }

    /// What the caller gives, or the longest that is given to anybody; streams may stay open.
    private func deadline(_ metadata: Metadata, _ isStreaming: Bool) throws -> ContinuousClock.Instant? {
        guard let text = metadata.first(RPCMetadataKey.timeout) else {
            return isStreaming ? nil : .now + options.maxCallTime
        }
        guard let timeout = RPCTimeout.parse(text) else {
            throw ServiceError(
                .invalid, code: "rpc.invalid_metadata", message: "The call's timeout is malformed.")
        }
        return .now + (isStreaming ? timeout : min(timeout, options.maxCallTime))
    }

    /// The caller's, when it is short and plain; otherwise a new one.
    private static func requestID(_ metadata: Metadata) -> String {
        guard let id = metadata.first(RPCMetadataKey.requestID), (1...128).contains(id.utf8.count),
            id.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { return ID<RequestTag>().description }
        return id
    }

    private enum RequestTag {}

    // MARK: Running

    /// Runs `body` and cancels it when the caller hangs up.
    private func cancelling<T: Sendable>(
        _ context: ServerContext, _ body: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                // Fails when this task is cancelled, because the body is done.
                try? await context.cancellation.cancelled
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
                if !isDraining.load(ordering: .acquiring) { group.cancelAll() }
            }
            throw CancellationError()
        }
    }

    /// The response as it goes out; of a stream the record ends when its last message is written.
    private func finished<Output: Sendable>(
        _ response: StreamingServerResponse<Output>, _ context: ServerContext, _ isStreaming: Bool,
        _ record: ServerCallRecord
    ) -> StreamingServerResponse<Output> {
        switch response.accepted {
        case .failure(let error):
            return StreamingServerResponse(error: record.end(error))
        case .success(let contents):
            guard isStreaming else {
                record.end()
                return response
            }
            return StreamingServerResponse(metadata: contents.metadata) { writer in
                do {
                    let trailers = try await ServiceContext.$current.withValue(record.span?.context) {
                        try await self.cancelling(context) {
                            try await withDeadline(context.call.context) {
                                try await contents.producer(writer)
                            }
                        }
                    }
                    record.end()
                    return trailers
                } catch {
                    throw record.end(error)
                }
            }
        }
    }
}

/// Reads trace context from metadata.
struct MetadataExtractor: Extractor {
    func extract(key: String, from metadata: Metadata) -> String? { metadata.first(key.lowercasedASCII()) }
}
