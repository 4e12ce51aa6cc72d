package import Hummingbird
import Logging
package import ServiceLifecycle
import SoukBroker
import SoukDatabase
import SoukSupervisor
package import SoukHTTP
package import SoukTime
package import UnixSignals

/// Runs services in this process: prepares them, serves HTTP, and shuts everything down in order.
///
/// Order of a shutdown, on SIGTERM or SIGINT: stop accepting and drain requests, then jobs, consumers and relays in the
/// reverse order of the services, then brokers and databases are closed.
package final class ServiceHost: Sendable {
    /// Where and how to run.
    package struct Options: Sendable {
        /// How long running requests may go on after shutdown begins.
        package var drainTimeout: Duration = .seconds(10)
        /// After this, whatever has not shut down is cancelled.
        package var shutdownTimeout: Duration = .seconds(30)
        /// What begins a graceful shutdown.
        package var signals: [UnixSignal] = [.sigterm, .sigint]
        /// When the process started, for the ready line.
        package var startedAt = ContinuousClock.now
        /// Whether a service that can't be prepared because something it needs is away keeps trying, with the process
        /// listening meanwhile and everything but health answered by 503, instead of ending the process.
        package var waitsForDependencies = false
        /// What takes connections; nil for a plain HTTP/1.1 server behind a gateway, which answers `/livez` in any case.
        package var frontend: (any HTTPFrontend)?
        /// Sleeps while draining and waiting.
        package var clock: any WallClock = SystemClock()

        /// The defaults.
        package init() {}
    }

    /// The process answers requests.
    package struct Ready: Sendable {
        /// The port it listens on.
        package let port: Int
        /// The port of `/livez`, `/readyz` and `/metrics`; nil where they are off.
        package let operationsPort: Int?
        /// From `startedAt` until now.
        package let startDuration: Duration
    }

    private static let operationsDrainTimeout: Duration = .seconds(1)

    private let services: [any HostedService]
    private let resources: [ServiceResources]
    private let extraServices: [any Service]
    private let sockets: HostSockets
    private let responder: HostResponder
    private let operations: OperationsResponder
    private let health: HostHealth
    private let options: Options
    private let onReady: @Sendable (Ready) -> Void
    private let logger = Logger(label: "souk.host")

    /// A host for `services`, which live on `resources` and have registered their routes with `responder`. It takes over
    /// `sockets`.
    ///
    /// Each database and broker of `resources` becomes a readiness probe, besides `probes`, and is closed at the end.
    /// `extraServices` run until shutdown, begun before the services are prepared and ended after them. `metrics` gives
    /// the Prometheus text.
    package init(
        services: [any HostedService], resources: [ServiceResources], extraServices: [any Service] = [],
        probes: [ReadinessProbe] = [],
        sockets: HostSockets,
        responder: any HTTPResponder<SoukRequestContext>,
        options: Options = Options(),
        metrics: @escaping @Sendable () async -> String,
        onReady: @escaping @Sendable (Ready) -> Void = { _ in }
    ) {
        self.services = services
        self.resources = resources
        self.extraServices = extraServices
        self.sockets = sockets
        self.options = options
        self.onReady = onReady
        health = HostHealth(
            probes: resources.map { .database("\($0.name).database", $0.database) }
                + Self.brokers(of: resources).map {
                    // Without a broker events wait in the outbox; a process that waits for it does so too.
                    .broker("broker", isRequired: !options.waitsForDependencies, $0)
                } + probes)
        operations = OperationsResponder(health: health, metrics: metrics)
        var shared: OperationsResponder?
        if case .serving = sockets.operations { shared = operations }
        self.responder = HostResponder(
            routes: responder, health: health, operations: shared, saysItLives: options.frontend == nil)
    }

    /// Prepares the services and serves until shutdown; everything is closed when it returns or throws.
    ///
    /// - Parameter servers: begun once all services are prepared, and ended first, beside the HTTP server.
    /// Throws: `StartupError` when a service can't be prepared, or a part ended by itself.
    package func run(servers: [any Service] = []) async throws {
        do {
            try await serve(servers)
        } catch {
            await close()
            throw StartupError("souk", error)
        }
        await close()
    }

    /// How the process is, as `/readyz` says it.
    package func readiness() async -> ReadinessReport {
        await health.report()
    }

    private func serve(_ servers: [any Service]) async throws {
        let preparation = Preparation(
            services: services, clock: options.clock, logger: logger,
            onDone: { [health] in health.enter(.serving) })
        if !options.waitsForDependencies { try await preparation.runOnce() }
        let logger = Logger(label: "souk.http")
        let server = HTTPServerService(
            description: "HTTP server", frontend: options.frontend ?? HummingbirdFrontend(logger: logger),
            responder: responder, socket: sockets.serving, drainTimeout: options.drainTimeout,
            clock: options.clock, logger: logger,
            onListening: { [options, sockets, onReady] in
                onReady(
                    Ready(
                        port: sockets.serving.port, operationsPort: sockets.operationsPort,
                        startDuration: ContinuousClock.now - options.startedAt))
            },
            onShutdown: { [health] in health.enter(.stopping) })
        let afterwards = (services.flatMap(\.backgroundServices) + servers).map {
            AfterPreparation(service: $0, preparation: preparation)
        }
        let parts = (operationsServers(logger) + extraServices + [preparation] + afterwards + [server]).map {
            part in
            ServiceGroupConfiguration.ServiceConfiguration(
                service: Part(service: part), failureTerminationBehavior: .gracefullyShutdownGroup)
        }
        var configuration = ServiceGroupConfiguration(
            services: parts, gracefulShutdownSignals: options.signals, logger: logger)
        configuration.maximumGracefulShutdownDuration = options.shutdownTimeout
        try await ServiceGroup(configuration: configuration).run()
    }

    /// Begun first and ended last: who watches the process sees all of it.
    private func operationsServers(_ logger: Logger) -> [any Service] {
        guard case .own(let socket) = sockets.operations else { return [] }
        return [
            HTTPServerService(
                description: "operations server", frontend: HummingbirdFrontend(logger: logger),
                responder: operations, socket: socket, drainTimeout: Self.operationsDrainTimeout,
                clock: options.clock, logger: logger)
        ]
    }

    private func close() async {
        for broker in Self.brokers(of: resources) { await broker.close() }
        for resource in resources { await resource.database.close() }
    }

    /// The brokers without repetition: services share one.
    private static func brokers(of resources: [ServiceResources]) -> [any Broker] {
        var seen: Set<ObjectIdentifier> = []
        return resources.map(\.broker).filter { seen.insert(ObjectIdentifier($0 as AnyObject)).inserted }
    }

    /// A part that must run until shutdown: ending before is a failure.
    private struct Part: Service, CustomStringConvertible {
        let service: any Service

        var description: String { "\(service)" }

        func run() async throws {
            try await service.run()
            guard Task.isShuttingDownGracefully || Task.isCancelled else {
                throw StartupError("\(service) ended by itself")
            }
        }
    }
}
