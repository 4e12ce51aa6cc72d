import GRPCNIOTransportHTTP2Posix
import Hummingbird
import Logging
import SoukAuthToken
import ServiceLifecycle
import SoukBroker
import SoukCache
import SoukCallContext
import SoukDatabase
import SoukEnv
import SoukEventsRPC
import SoukHTTP
import SoukObservability
import SoukRPCRuntime
import SoukService
import SoukTime

/// Puts a definition together and runs it.
struct ServiceProcess {
    private let server: HostConfiguration
    private let context: ProcessContext
    private let parts: ProcessParts
    private let registry: PrometheusRegistry
    private let grpc: RPCServer<HTTP2ServerTransport.Posix>?

    /// Reads the configuration; nothing is served and no server is asked yet.
    ///
    /// - Throws: `ConfigurationError` naming a variable.
    static func compose<D: ProcessDefinition>(_ definition: D.Type) async throws -> ServiceProcess {
        let environment = try Environment.load()
        let server = try HostConfiguration(environment, port: D.ports.http)
        server.bootstrapLogging(service: D.name)
        let registry = SoukObservability.bootstrap()
        var context = try ProcessContext(name: D.name, environment: environment, groups: D.groups)
        let parts = try await D.compose(&context)
        return ServiceProcess(
            server: server, context: context, parts: parts, registry: registry,
            grpc: try D.ports.grpc.map { try grpcServer(parts, context, host: server.host, port: $0) })
    }

    private static func grpcServer(
        _ parts: ProcessParts, _ context: ProcessContext, host: String, port: Int
    ) throws -> RPCServer<HTTP2ServerTransport.Posix> {
        let environment = context.environment
        var options = RPCServerOptions()
        options.reflection = try environment.bool("SOUK_GRPC_REFLECTION", default: true)
        options.tls = try context.configuration.tls()
        let events = parts.services.compactMap(\.events).map {
            RPCService(EventAdministrationService(administration: $0), access: .services(["gateway"]))
        }
        var admit: (@Sendable (Principal, CallContext) async throws -> Void)?
        if let accounts = parts.accounts { admit = { try await accounts.admit($0, $1) } }
        return RPCServer(
            host: host, port: try environment.int("SOUK_GRPC_PORT", default: port, in: 0...65_535),
            services: parts.rpc + events, options: options,
            identities: try context.configuration.keyRing(of: context.name), verifier: parts.verifier,
            admit: admit)
    }

    /// Serves until SIGTERM or SIGINT.
    func run(startedAt: ContinuousClock.Instant) async throws {
        var options = ServiceHost.Options()
        options.host = server.host
        options.port = server.port
        options.startedAt = startedAt
        options.waitsForDependencies = true
        options.frontend = parts.frontend
        let logger = Logger(label: "souk.\(context.name)")
        let host = ServiceHost(
            services: parts.services, resources: context.resources, extraServices: context.connections,
            probes: context.probes + parts.probes, responder: responder(), options: options,
            metrics: { [registry] in registry.render() },
            onReady: { logger.notice("listening", metadata: ["port": "\($0.port)"]) })
        var servers: [any Service] = []
        if let grpc {
            servers = [HealthReporting(health: grpc.health, host: host, clock: context.clock), grpc]
        }
        try await host.run(servers: servers)
        await context.cache.close()
    }

    /// Brings every database up to date and closes.
    func migrate() async throws {
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
