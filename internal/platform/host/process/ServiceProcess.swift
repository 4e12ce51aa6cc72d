import Hummingbird
import Logging
import ServiceLifecycle
import SoukAuthToken
import SoukBroker
import SoukDatabase
package import SoukEnv
import SoukEventsRPC
import SoukHTTP
import SoukObservability
import SoukRPCRuntime
package import SoukService
import SoukTime

/// Services of a system in one process: one of them, several, or all.
package struct ServiceProcess {
    private let name: String
    private let backing: any BackingServices
    private let resources: [ServiceResources]
    private let connections: [any Service]
    private let probes: [ReadinessProbe]
    private let parts: [ServiceParts]
    private let web: WebRouter
    private let registry: PrometheusRegistry
    /// nil for a process that serves no gRPC.
    private let grpc: HTTP2Server?

    /// Composes the services; nothing is connected or served yet.
    ///
    /// - Parameters:
    ///   - name: For the log.
    ///   - services: The names of the services to run; nil for all.
    ///   - sockets: nil for a process that is not to serve.
    /// - Throws: `ConfigurationError` naming a variable; `StartupError` where a definition and its service disagree.
    package static func compose(
        _ name: String, _ system: SystemDefinition, services: Set<String>? = nil,
        on backing: any BackingServices, environment: SoukEnv.Environment, server: HostConfiguration,
        sockets: HostSockets?
    ) async throws -> ServiceProcess {
        try system.check()
        let registry = SoukObservability.bootstrap()
        SupervisedServer.countRestarts()
        var composition = Composition(
            system, hosting: services ?? Set(system.services.map(\.name)), on: backing, environment)
        do {
            try await composition.compose()
            return try ServiceProcess(name, &composition, server, sockets, registry)
        } catch {
            await close(composition.resources, backing)
            throw error
        }
    }

    private init(
        _ name: String, _ composition: inout Composition, _ server: HostConfiguration,
        _ sockets: HostSockets?, _ registry: PrometheusRegistry
    ) throws {
        self.name = name
        self.registry = registry
        backing = composition.backing
        parts = composition.composed.map(\.parts)
        let (verifier, accounts) = (try composition.tokenVerifier(), try composition.accounts())
        web = WebRouter(
            verifier: VerifiedTokens(verifier, clock: composition.clock), accounts: accounts,
            options: server.http)
        for (definition, parts) in composition.composed {
            try definition.register(parts, on: web)
        }
        // Whatever accepts no clients' connections itself is behind a gateway.
        if !parts.contains(where: { $0.frontend != nil }) { try backing.remote?.checkTrustedProxies() }
        let services = try composition.rpcServices()
        grpc = try sockets?.grpc.flatMap { socket in
            try composition.backing.remote?.server(
                on: socket, services: services, verifier: verifier, accounts: accounts)
        }
        resources = composition.resources
        connections = composition.connections
        probes = composition.probes + parts.flatMap(\.probes)
    }

    /// Serves until SIGTERM or SIGINT.
    package func run(on sockets: HostSockets, startedAt: ContinuousClock.Instant) async throws {
        var options = ServiceHost.Options()
        options.startedAt = startedAt
        options.waitsForDependencies = backing.waitsForDependencies
        options.frontend = parts.lazy.compactMap(\.frontend).first
        let host = ServiceHost(
            services: parts.flatMap(\.services), resources: resources, extraServices: connections,
            probes: probes, sockets: sockets, responder: web.buildResponder(), options: options,
            metrics: { [registry] in registry.render() },
            onReady: { [name, backing] ready in backing.didStart(name, ready) })
        var servers: [any Service] = []
        if let grpc { servers = [HealthReporting(health: grpc.health, host: host), grpc] }
        try await host.run(servers: servers)
        await backing.close()
    }

    /// Brings every database up to date and closes.
    package func migrate() async throws {
        for service in parts.flatMap(\.services) { try await service.prepare() }
        await close()
    }

    package func close() async {
        await Self.close(resources, backing)
    }

    private static func close(_ resources: [ServiceResources], _ backing: any BackingServices) async {
        for resource in resources { await resource.database.close() }
        await resources.first?.broker.close()
        await backing.close()
    }

    /// `METHOD PATH`, sorted by path.
    package var routes: [String] {
        _ = web.buildResponder()
        return web.catalogue.routes.map { "\($0.method) \($0.path)" }
    }
}

extension Composition {
    /// What this process serves other processes: its services' kernels, what else they offer, and their events.
    func rpcServices() throws(StartupError) -> [RPCService] {
        var services: [RPCService] = []
        for (definition, parts) in composed {
            for offer in definition.kernels {
                guard let kernel = local(offer.key) else { continue }
                services.append(try offer.service(kernel, callers: system.callers(of: offer.key)))
            }
            services += parts.rpc
            services += parts.services.compactMap(\.events).map {
                RPCService.eventAdministration($0, administrators: system.eventAdministrators)
            }
        }
        return services
    }
}

/// Lets gRPC's health say what `/readyz` says.
private struct HealthReporting: Service, CustomStringConvertible {
    private static let interval: Duration = .seconds(2)

    let health: RPCHealth
    let host: ServiceHost
    let clock: any WallClock = SystemClock()

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
