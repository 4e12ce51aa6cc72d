import AsyncHTTPClient
package import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
package import SoukAuthToken
package import SoukCache
package import SoukEnv
package import SoukService
package import SoukSupervisor
package import SoukTime
package import SoukHTTP
import Synchronization
import UnixSignals

/// The gateway as a process's server: takes its connections, holds requests to the policy, and passes them on to services or to
/// the process's own routes.
package final class GatewayFrontend: HTTPFrontend {
    private static let resolutionInterval: Duration = .seconds(5)
    private static let certificateInterval: Duration = .seconds(5)
    private static let drainPause: Duration = .milliseconds(20)

    private let load: @Sendable () throws(ConfigurationError) -> GatewayPolicy
    private let verifier: any TokenVerifier
    private let limiters: RateLimiters
    private let clock: any WallClock
    private let threads: Int
    private let policy: Mutex<CompiledPolicy>
    private let tls: TLSContexts?
    private let logger = Logger(label: "souk.gateway")

    /// Reads the policy (`SOUK_GATEWAY_POLICY_FILE`, or what holds without one) and `SOUK_GATEWAY_THREADS`.
    ///
    /// - Parameters:
    ///   - services: The services of the marketplace.
    ///   - verifier: for routes that have tokens checked here.
    ///   - cache: counts what several gateways count together; nil where this is the only one.
    /// - Throws: `ConfigurationError` with all that is wrong.
    package init(
        environment: SoukEnv.Environment, services: [RoutedService], verifier: any TokenVerifier,
        cache: (any Cache)?, clock: any WallClock
    ) throws(ConfigurationError) {
        load = { () throws(ConfigurationError) in
            try GatewayPolicy.load(
                environment: environment, services: services, sharesLimits: cache != nil)
        }
        self.verifier = verifier
        self.clock = clock
        limiters = RateLimiters(cache: cache, clock: clock)
        threads = try environment.int("SOUK_GATEWAY_THREADS", default: System.coreCount, in: 1...256)
        let first = try load()
        do {
            policy = Mutex(try CompiledPolicy(first, limiters: limiters))
            tls = try first.listener.tls.map { try TLSContexts($0, http2: first.listener.http2) }
        } catch {
            throw ConfigurationError("SOUK_GATEWAY_POLICY_FILE", "\(error)")
        }
    }

    /// Whether each service answers; the gateway itself can do without any of them.
    package var probes: [ReadinessProbe] {
        current.upstreams.values.sorted { $0.name < $1.name }.map { upstream in
            ReadinessProbe(upstream.name, isRequired: false) {
                guard let address = upstream.choose(at: .now()) else { throw HTTPClientError.emptyHost }
                let answer = try await HTTPClient.shared.execute(
                    HTTPClientRequest(url: "http://\(address)/livez"), timeout: .seconds(1))
                guard answer.status == .ok else { throw HTTPClientError.remoteConnectionClosed }
            }
        }
    }

    package func serve(
        _ responder: any HTTPResponder<SoukRequestContext>, on socket: ListeningSocket,
        onListening: @escaping @Sendable () -> Void
    ) async throws {
        let runtime = GatewayRuntime(
            tokens: VerifiedTokens(verifier, clock: clock), responder: responder)
        let server = GatewayServer(policy: current, runtime: runtime, tls: tls, threads: threads)
        // Before anybody can know that this process runs: a SIGHUP that is not awaited ends it.
        let reloads = await UnixSignalsSequence(trapping: .sighup)
        do {
            // Addresses first: who waits in the socket's queue is served as soon as it is read.
            await resolve()
            try await server.start(on: socket, maxConnections: current.policy.listener.maxConnections)
            onListening()
            try await runUntilShutdown(server, reloads)
            await drain(server)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private var current: CompiledPolicy { policy.withLock { $0 } }

    private func runUntilShutdown(_ server: GatewayServer, _ reloads: UnixSignalsSequence) async throws {
        do {
            try await cancelWhenGracefulShutdown { [self] in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await self.every(Self.resolutionInterval) { await self.resolve() } }
                    group.addTask { try await self.every(Self.certificateInterval) { self.tls?.refresh() } }
                    group.addTask {
                        try await HealthChecks(
                            policy: { self.current }, clock: self.clock,
                            logger: self.logger
                        ).run()
                    }
                    group.addTask {
                        for await _ in reloads { await self.reload(server) }
                        try await gracefulShutdown()
                    }
                    try await group.next()
                    group.cancelAll()
                }
            }
        } catch is CancellationError {
            // The shutdown.
        }
    }

    private func every(_ interval: Duration, _ work: () async -> Void) async throws {
        while true {
            try await clock.sleep(for: interval)
            await work()
        }
    }

    private func drain(_ server: GatewayServer) async {
        await server.drain()
        let deadline = ContinuousClock.now + current.policy.listener.drainTimeout
        while ContinuousClock.now < deadline, await !server.isIdle() {
            do { try await clock.sleep(for: Self.drainPause) } catch { return }
        }
    }

    // MARK: - Reload

    /// Takes over what the policy file says now; one that is wrong changes nothing.
    private func reload(_ server: GatewayServer) async {
        do {
            let next = try load()
            let before = current
            if next.listener.tls != before.policy.listener.tls {
                logger.warning("another listener.tls takes a restart to come into force")
            }
            let compiled = try CompiledPolicy(next, previous: before, limiters: limiters)
            policy.withLock { $0 = compiled }
            await resolve()
            tls?.refresh()
            server.follow(compiled)
            logger.notice("the policy was read again", metadata: ["routes": "\(compiled.routes.count)"])
        } catch {
            logger.error("the policy stays as it was", metadata: ["error": "\(error)"])
        }
    }

    // MARK: - Addresses

    private func resolve() async {
        for upstream in current.upstreams.values { await AddressResolution.resolve(upstream, logger: logger) }
    }
}
