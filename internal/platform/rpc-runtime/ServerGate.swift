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
    private let admit: (@Sendable (Principal, CallContext) async throws -> Void)?
    private let logger: Logger
    private let isDraining = Atomic(false)

    init(
        access: [String: RPCAccess], streaming: Set<String>, options: RPCServerOptions,
        identities: ServiceKeyRing?, verifier: (any TokenVerifier)?,
        admit: (@Sendable (Principal, CallContext) async throws -> Void)?, logger: Logger
    ) {
        self.access = access
        self.streaming = streaming
        self.options = options
        self.identities = identities
        self.verifier = verifier
        self.admit = admit
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
        let deadline = try deadline(metadata, isStreaming)
        func call(_ principal: Principal?, caller: String?) -> RPCCall {
            RPCCall(
                context: CallContext(requestID: requestID, principal: principal, deadline: deadline),
                caller: caller, connection: context.transportSpecific)
        }
        switch access[context.descriptor.service.fullyQualifiedService] {
        case nil:
            throw RPCFailure(
                .forbidden, code: "rpc.forbidden", message: "The method is not offered.", origin: .transport)
        case .open:
            return call(nil, caller: nil)
        case .user:
            let principal = try await principal(metadata)
            record.principal = principal
            let call = call(principal, caller: nil)
            try await admit?(principal, call.context)
            return call
        case .services(let callers):
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
            let principal = try Self.delegatedPrincipal(metadata)
            record.principal = principal
            return call(principal, caller: caller)
        }
    }

    /// The user that the access token proves.
    private func principal(_ metadata: Metadata) async throws -> Principal {
        guard let header = metadata.first(RPCMetadataKey.authorization) else {
            throw ServiceError(
                .unauthenticated, code: "token.missing", message: "The call needs an access token.")
        }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", let verifier else {
            throw ServiceError(
                .unauthenticated, code: "token.invalid", message: "The access token is not valid.")
        }
        return try await verifier.verify(String(parts[1]))
    }

    /// On whose behalf a service calls, as it says; `nil` for its own.
    private static func delegatedPrincipal(_ metadata: Metadata) throws -> Principal? {
        guard let id = metadata.first(RPCMetadataKey.principalID) else { return nil }
        let session = metadata.first(RPCMetadataKey.principalSession) ?? ""
        let names = (metadata.first(RPCMetadataKey.principalRoles) ?? "").split(separator: ",")
        guard let userID = UserID(id), session.utf8.count <= 256, names.count <= 16 else {
            throw ServiceError(
                .invalid, code: "rpc.invalid_metadata", message: "The call's metadata is malformed.")
        }
        // Roles that this version doesn't know give no rights.
        let roles = Set(names.compactMap { Role(rawValue: String($0)) })
        return Principal(userID: userID, roles: roles, sessionID: session)
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
    func extract(key: String, from metadata: Metadata) -> String? { metadata.first(key.lowercased()) }
}
