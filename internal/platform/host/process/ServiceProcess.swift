import GRPCNIOTransportHTTP2Posix
import Hummingbird
import Logging
import SoukAuthToken
import ServiceLifecycle
import SoukBroker
import SoukCache
import SoukDatabase
import SoukEnv
import SoukEventsRPC
import SoukHTTP
import SoukObservability
import SoukRPCRuntime
import SoukService
import SoukSupervisor
import SoukTime

/// Puts a definition together and runs it.
struct ServiceProcess {
    private let server: HostConfiguration
    private let context: ProcessContext
    private let parts: ProcessParts
    private let registry: PrometheusRegistry
    /// nil for a process that is not to serve gRPC.
    private let grpc: RPCServer<HTTP2ServerTransport.Posix>?

    /// Reads the configuration and serves until SIGTERM or SIGINT, under a supervisor of its own unless that is switched off.
    ///
    /// - Throws: `ConfigurationError` naming a variable, `StartupError`, `SupervisorError`.
    static func serve<D: ProcessDefinition>(_ definition: D.Type, isSupervised: Bool) async throws {
        let startedAt = ContinuousClock.now
        let environment = try Environment.load()
        var server = try configuration(of: definition, environment)
        if !isSupervised { server.isSupervised = false }
        let grpcPort = try D.ports.grpc.map {
            try environment.int("SOUK_GRPC_PORT", default: $0, in: 0...65_535)
        }
        try await SupervisedServer(D.name, server, grpcPort: grpcPort).run(startedAt: startedAt) {
            sockets, startedAt in
            try await compose(definition, environment, server, sockets).run(sockets, startedAt: startedAt)
        }
    }

    /// Brings every database up to date.
    ///
    /// - Throws: `ConfigurationError` naming a variable, and one-line errors.
    static func migrate<D: ProcessDefinition>(_ definition: D.Type) async throws {
        let environment = try Environment.load()
        let server = try configuration(of: definition, environment)
        try await compose(definition, environment, server, nil).migrate()
    }

    private static func configuration<D: ProcessDefinition>(
        of definition: D.Type, _ environment: SoukEnv.Environment
    ) throws(ConfigurationError) -> HostConfiguration {
        let server = try HostConfiguration(environment, port: D.ports.http)
        server.bootstrapLogging(service: D.name)
        return server
    }

    /// Puts the parts together; nothing is served and no server is asked yet.
    private static func compose<D: ProcessDefinition>(
        _ definition: D.Type, _ environment: SoukEnv.Environment, _ server: HostConfiguration,
        _ sockets: HostSockets?
    ) async throws -> ServiceProcess {
        let registry = SoukObservability.bootstrap()
        SupervisedServer.countRestarts()
        var context = try ProcessContext(name: D.name, environment: environment, groups: D.groups)
        let parts = try await D.compose(&context)
        // Whatever takes no clients' connections itself is behind a gateway.
        if parts.frontend == nil { try context.configuration.checkTrustedProxies() }
        return ServiceProcess(
            server: server, context: context, parts: parts, registry: registry,
            grpc: try sockets?.grpc.map { try grpcServer(parts, context, $0) })
    }

    private static func grpcServer(
        _ parts: ProcessParts, _ context: ProcessContext, _ socket: ListeningSocket
    ) throws -> RPCServer<HTTP2ServerTransport.Posix> {
        let environment = context.environment
        var options = RPCServerOptions()
        options.reflection = try environment.bool("SOUK_GRPC_REFLECTION", default: true)
        options.tls = try context.configuration.tls()
        let events = parts.services.compactMap(\.events).map { RPCService.eventAdministration($0) }
        return RPCServer(
            descriptor: socket.descriptor, services: parts.rpc + events, options: options,
            identities: try context.configuration.keyRing(of: context.name), verifier: parts.verifier,
            accounts: parts.accounts)
    }

    private func run(_ sockets: HostSockets, startedAt: ContinuousClock.Instant) async throws {
        var options = ServiceHost.Options()
        options.startedAt = startedAt
        options.waitsForDependencies = true
        options.frontend = parts.frontend
        let logger = Logger(label: "souk.\(context.name)")
        let host = ServiceHost(
            services: parts.services, resources: context.resources, extraServices: context.connections,
            probes: context.probes + parts.probes, sockets: sockets, responder: responder(), options: options,
            metrics: { [registry] in registry.render() },
            onReady: { ready in
                logger.notice(
                    "listening",
                    metadata: [
                        "port": "\(ready.port)",
                        "ops_port": "\(ready.operationsPort.map(String.init) ?? "off")",
                    ])
            })
        var servers: [any Service] = []
        if let grpc {
            servers = [HealthReporting(health: grpc.health, host: host, clock: context.clock), grpc]
        }
        try await host.run(servers: servers)
        await context.cache.close()
    }

    private func migrate() async throws {
        for service in parts.services { try await service.prepare() }
        for resource in context.resources { await resource.database.close() }
        await context.resources.first?.broker.close()
        await context.cache.close()
    }

    private func responder() -> RouterResponder<SoukRequestContext> {
        let web = WebRouter(
            verifier: VerifiedTokens(parts.verifier, clock: context.clock), accounts: parts.accounts,
            options: server.http)
        for service in parts.services { service.registerRoutes(web.routes) }
        if !parts.administrations.isEmpty {
            AdminEventRoutes(parts.administrations).register(on: web.routes)
        }
        return web.buildResponder()
    }
}

/// Lets gRPC's health say what `/readyz` says.
private struct HealthReporting: Service, CustomStringConvertible {
    private static let interval: Duration = .seconds(2)

    let health: RPCHealth
    let host: ServiceHost
    let clock: any WallClock

    var description: String { "gRPC health" }

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown {
                while true {
                    let isReady = await host.readiness().status == .ready
                    health.set(isReady ? .serving : .notServing)
                    try await clock.sleep(for: Self.interval)
                }
            }
        } catch is CancellationError {
            // The server itself says that it is about to stop.
        }
    }
}
