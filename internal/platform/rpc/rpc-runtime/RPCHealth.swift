import GRPCCore
import SoukProto
import SwiftProtobuf
import Synchronization

/// What `grpc.health.v1.Health` answers for a server and each of its services. Safe from any task.
///
/// Starts as not serving: the host says when it is ready, when it no longer is, and the server itself says so when
/// it shuts down, for good.
package final class RPCHealth: Sendable {
    /// Whether calls are welcome.
    package enum Status: Sendable, Hashable {
        case serving
        case notServing
    }

    /// Open streams of Watch; more are refused.
    static let maxWatchers = 256

    private struct Watcher {
        var service: String
        var continuation: AsyncStream<Status>.Continuation
    }

    private struct State {
        var statuses: [String: Status]
        var watchers: [UInt64: Watcher] = [:]
        var nextWatcher: UInt64 = 0
        var hasEnded = false
    }

    private let state: Mutex<State>

    /// Nothing is serving yet; `services` are full names.
    init(services: some Sequence<String>) {
        var statuses = ["": Status.notServing]
        for service in services { statuses[service] = .notServing }
        state = Mutex(State(statuses: statuses))
    }

    /// Sets the status of the server as a whole and of every service.
    package func set(_ status: Status) {
        state.withLock { state in
            guard !state.hasEnded else { return }
            for service in state.statuses.keys { Self.change(&state, service, status) }
        }
    }

    /// Sets the status of one service, by its full name; names that are not served are passed over.
    package func set(_ status: Status, service: String) {
        state.withLock { state in
            guard !state.hasEnded, state.statuses[service] != nil else { return }
            Self.change(&state, service, status)
        }
    }

    /// The status of a service, of the server as a whole for the empty name; `nil` when it is not served.
    package func status(of service: String = "") -> Status? {
        state.withLock { $0.statuses[service] }
    }

    /// Not serving from now on, whatever is said later; watchers are told and their streams end.
    func end() {
        let watchers: [Watcher] = state.withLock { state in
            guard !state.hasEnded else { return [] }
            for service in state.statuses.keys { Self.change(&state, service, .notServing) }
            state.hasEnded = true
            defer { state.watchers.removeAll() }
            return Array(state.watchers.values)
        }
        // Outside of the lock: finishing calls what waits for the end of the stream.
        for watcher in watchers { watcher.continuation.finish() }
    }

    var all: [String: Status] { state.withLock { $0.statuses } }

    /// The status now and its changes; `nil` when there are too many streams already.
    ///
    /// A reader that lags behind sees the latest status only. A service that is not served has none, and never
    /// will: its stream stays empty.
    func watch(_ service: String) -> AsyncStream<Status>? {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Status.self, bufferingPolicy: .bufferingNewest(1))
        let id: UInt64? = state.withLock { state in
            guard state.watchers.count < Self.maxWatchers else { return nil }
            if let status = state.statuses[service] { continuation.yield(status) }
            guard !state.hasEnded else {
                continuation.finish()
                return 0
            }
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = Watcher(service: service, continuation: continuation)
            return state.nextWatcher
        }
        guard let id else { return nil }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.watchers.removeValue(forKey: id) }
        }
        return stream
    }

    private static func change(_ state: inout State, _ service: String, _ status: Status) {
        guard state.statuses[service] != status else { return }
        state.statuses[service] = status
        // Yielding never blocks nor calls out: the stream keeps the newest.
        for watcher in state.watchers.values where watcher.service == service {
            watcher.continuation.yield(status)
        }
    }
}

/// `grpc.health.v1.Health` (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
struct HealthService: Grpc_Health_V1_Health.SimpleServiceProtocol {
    let health: RPCHealth

    func check(
        request: Grpc_Health_V1_HealthCheckRequest, context: ServerContext
    ) async throws -> Grpc_Health_V1_HealthCheckResponse {
        guard let status = health.status(of: request.service) else {
            throw RPCError(code: .notFound, message: "The server has no such service.")
        }
        return .with { $0.status = .init(status) }
    }

    func list(
        request: Grpc_Health_V1_HealthListRequest, context: ServerContext
    ) async throws -> Grpc_Health_V1_HealthListResponse {
        .with { answer in
            answer.statuses = health.all.mapValues { status in .with { $0.status = .init(status) } }
        }
    }

    func watch(
        request: Grpc_Health_V1_HealthCheckRequest, response: RPCWriter<Grpc_Health_V1_HealthCheckResponse>,
        context: ServerContext
    ) async throws {
        guard let statuses = health.watch(request.service) else {
            throw RPCError(code: .resourceExhausted, message: "Too many watch already.")
        }
        if health.status(of: request.service) == nil {
            try await response.write(.with { $0.status = .serviceUnknown })
        }
        for await status in statuses {
            try await response.write(.with { $0.status = .init(status) })
        }
    }
}

extension Grpc_Health_V1_HealthCheckResponse.ServingStatus {
    init(_ status: RPCHealth.Status) {
        switch status {
        case .serving: self = .serving
        case .notServing: self = .notServing
        }
    }
}
