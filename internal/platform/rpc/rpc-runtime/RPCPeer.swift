package import GRPCCore
import Metrics
import ServiceLifecycle
package import SoukCallContext
import SoukErrors
import Tracing

/// A client of one service, balanced over its addresses. Run it in a `ServiceGroup`; safe from any task.
///
/// Making one needs no network, and a peer that is away is connected to as soon as it is back.
package final class RPCPeer<Transport: ClientTransport>: Service {
    /// The service that is called: the audience of the identities that are shown to it.
    package let name: String
    /// For calls through ``call(_:_:idempotent:_:)``; others carry an identity, but no context.
    package let client: GRPCClient<Transport>

    private let options: RPCPeerOptions
    private let resolver: PeerResolver?
    private let retryBudget = RetryBudget()

    /// A client over any transport.
    ///
    /// - Parameter identity: who calls; `nil` only for peers whose services are open.
    package convenience init(
        name: String, transport: Transport, identity: ServiceIdentity?,
        options: RPCPeerOptions = RPCPeerOptions()
    ) {
        self.init(name: name, transport: transport, identity: identity, options: options, resolver: nil)
    }

    init(
        name: String, transport: Transport, identity: ServiceIdentity?, options: RPCPeerOptions,
        resolver: PeerResolver?
    ) {
        self.name = name
        self.options = options
        self.resolver = resolver
        client = GRPCClient(
            transport: transport,
            interceptors: [
                PeerInterceptor(peer: name, identity: identity, maxMessageBytes: options.maxMessageBytes)
            ])
    }

    /// Keeps connections until graceful shutdown or cancellation; calls under way are let finish for a while.
    package func run() async throws {
        let drained = ShutdownSignal()
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    do {
                        try await self.client.runConnections()
                    } catch let error as RuntimeError where error.code == .clientIsStopped {
                        // Shut down before it was started.
                    }
                }
                group.addTask {
                    // Ends the client when calls don't within the time that any call has.
                    try await drained.begun()
                    try await Task.sleep(for: self.options.defaultTimeout)
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        } onGracefulShutdown: {
            self.client.beginGracefulShutdown()
            drained.begin()
        }
    }

    /// Calls a method of the peer for `context`.
    ///
    /// Ends at the context's deadline, or after ``RPCPeerOptions/defaultTimeout`` when it has none. A connection
    /// that can't be had makes it fail as `.unavailable` within ``RPCPeerOptions/connectTimeout``. An idempotent
    /// call is tried again when the peer answers UNAVAILABLE or the connection breaks; any call is when it did not
    /// leave this process.
    ///
    /// - Parameters:
    ///   - method: which one, for span and metrics.
    ///   - idempotent: whether calling twice does the same as calling once.
    ///   - asUser: whether the user's access token goes along, for methods that a service may call for a user only.
    ///   - body: makes the call on `client` with the options, once.
    /// - Throws: ``RPCFailure``: of the service with the code of its error, or of the way there.
    package func call<Result: Sendable>(
        _ method: MethodDescriptor, _ context: CallContext, idempotent: Bool, asUser: Bool = false,
        _ body: @Sendable @escaping (GRPCClient<Transport>, CallOptions) async throws -> Result
    ) async throws(RPCFailure) -> Result {
        let start = ContinuousClock.now
        let span = startSpan(method.fullyQualifiedMethod, context: .current ?? .topLevel, ofKind: .client)
        let outbound = OutboundCall(context, passesUser: asUser)
        let outcome: Swift.Result<Result, RPCFailure> = await ServiceContext.$current.withValue(span.context)
        {
            do throws(RPCFailure) {
                return .success(try await attempts(outbound, start, idempotent, body))
            } catch {
                return .failure(error)
            }
        }
        record(method, outbound, outcome, span, since: start)
        return try outcome.get()
    }

    // MARK: Attempts

    /// Tries again what never left this process, until the time to connect is over, and an idempotent call that got
    /// as far as the peer, a few times.
    ///
    /// Not by a `RetryPolicy` of gRPC's: its executor, when a stream can't be had, returns only at the deadline.
    private func attempts<Result: Sendable>(
        _ outbound: OutboundCall, _ start: ContinuousClock.Instant, _ idempotent: Bool,
        _ body: @Sendable @escaping (GRPCClient<Transport>, CallOptions) async throws -> Result
    ) async throws(RPCFailure) -> Result {
        let deadline = outbound.context.deadline ?? start + options.defaultTimeout
        var connectBy = start + options.connectTimeout
        var (connecting, retrying) = (Self.firstConnectPause, options.initialBackoff)
        while true {
            let made = outbound.attempts
            do {
                let result = try await attempt(outbound, min(deadline, connectBy), deadline, body)
                retryBudget.recordSuccess()
                return result
            } catch {
                guard error.kind == .unavailable else { throw error }
                resolver?.wake()
                let pause: Duration
                if outbound.attempts == made {
                    pause = connecting
                    connecting = min(connecting * 2, options.maxBackoff)
                    guard .now + pause < connectBy else { throw error }
                } else {
                    let isAffordable = retryBudget.recordFailure()
                    guard idempotent, isAffordable, outbound.attempts < options.maxAttempts else {
                        throw error
                    }
                    pause = retrying * Double.random(in: 0...1)
                    retrying = min(retrying * 2, options.maxBackoff)
                    connectBy = .now + pause + options.connectTimeout
                }
                // A wait that is cancelled ends the call with what it failed of.
                guard .now + pause < deadline, (try? await Task.sleep(for: pause)) != nil else { throw error }
            }
        }
    }

    /// Before a connection is looked for again; doubles.
    private static var firstConnectPause: Duration { .milliseconds(10) }

    private enum Event<Result: Sendable>: Sendable {
        case done(Swift.Result<Result, any Error>)
        case late
        case noConnection
        case timerEnded
    }

    private func attempt<Result: Sendable>(
        _ outbound: OutboundCall, _ connectBy: ContinuousClock.Instant, _ deadline: ContinuousClock.Instant,
        _ body: @Sendable @escaping (GRPCClient<Transport>, CallOptions) async throws -> Result
    ) async throws(RPCFailure) -> Result {
        let now = ContinuousClock.now
        guard now < deadline else { throw .late(name) }
        guard resolver?.hasNoAddress != true else { throw .unreachable(name, "its name can't be resolved") }
        let callOptions = callOptions(timeout: deadline - now)
        let made = outbound.attempts

        return try await withTaskGroup(of: Event<Result>.self) { group -> Swift.Result<Result, RPCFailure> in
            group.addTask { [client] in
                await OutboundCall.$current.withValue(outbound) {
                    do {
                        return .done(.success(try await body(client, callOptions)))
                    } catch {
                        return .done(.failure(error))
                    }
                }
            }
            group.addTask {
                do {
                    try await Task.sleep(until: connectBy, clock: .continuous)
                    if outbound.attempts == made { return deadline <= connectBy ? .late : .noConnection }
                    // gRPC keeps the deadline too, but not while it waits for a stream.
                    try await Task.sleep(until: deadline, clock: .continuous)
                    return .late
                } catch {
                    return .timerEnded
                }
            }
            defer { group.cancelAll() }
            var failure: RPCFailure?
            for await event in group {
                switch event {
                case .done(.success(let result)):
                    return .success(result)
                case .done(.failure(let error)):
                    return .failure(failure ?? RPCFailure(of: error, peer: name))
                case .late:
                    failure = .late(name)
                    group.cancelAll()
                case .noConnection:
                    failure = .unreachable(name, "no connection in time")
                    group.cancelAll()
                case .timerEnded:
                    break
                }
            }
            preconditionFailure("the task that calls always reports")
        }.get()
    }

    private func callOptions(timeout: Duration) -> CallOptions {
        var callOptions = CallOptions.defaults
        callOptions.timeout = timeout
        callOptions.waitForReady = false
        // The transport holds answers to this one.
        callOptions.maxRequestMessageBytes = options.maxMessageBytes
        callOptions.maxResponseMessageBytes = options.maxMessageBytes
        return callOptions
    }

    // MARK: Records

    private func record<Result>(
        _ method: MethodDescriptor, _ outbound: OutboundCall, _ outcome: Swift.Result<Result, RPCFailure>,
        _ span: any Span, since start: ContinuousClock.Instant
    ) {
        let code: String
        switch outcome {
        case .success: code = "ok"
        case .failure(let failure): code = failure.code
        }
        let labels = [
            ("peer", name), ("service", method.service.fullyQualifiedService), ("method", method.method),
        ]
        Counter(label: "rpc_client_requests_total", dimensions: labels + [("code", code)]).increment()
        Timer(
            label: "rpc_client_request_duration_seconds", dimensions: labels, preferredDisplayUnit: .seconds
        )
        .record(duration: ContinuousClock.now - start)
        span.attributes["rpc.system"] = "grpc"
        span.attributes["rpc.service"] = method.service.fullyQualifiedService
        span.attributes["rpc.method"] = method.method
        span.attributes["souk.peer"] = name
        span.attributes["souk.rpc.attempts"] = outbound.attempts
        if case .failure(let failure) = outcome {
            span.attributes["souk.error_code"] = failure.code
            if failure.kind.isRetryable { span.setStatus(SpanStatus(code: .error)) }
        }
        span.end()
    }
}

extension RPCFailure {
    static func unreachable(_ peer: String, _ detail: String) -> RPCFailure {
        RPCFailure(
            .unavailable, code: "rpc.unavailable",
            message: "A service that is needed can't be reached right now.", detail: "\(peer): \(detail)",
            origin: .transport)
    }

    static func late(_ peer: String) -> RPCFailure {
        RPCFailure(
            .timedOut, code: "rpc.deadline_exceeded", message: "The request took too long.",
            detail: "\(peer) did not answer in time", origin: .transport)
    }

    /// Whatever a call on a `GRPCClient` throws.
    init(of error: any Error, peer: String) {
        switch error {
        case let error as RPCFailure:
            self = error
        case let error as RPCError:
            self.init(error)
        case let error as any SoukError:
            self.init(error)
        case is CancellationError:
            self.init(
                .unavailable, code: "rpc.cancelled", message: "The request was given up.", detail: peer,
                origin: .transport)
        default:
            // The client is stopped, or its transport broke.
            self = .unreachable(peer, String(describing: error))
        }
    }
}
