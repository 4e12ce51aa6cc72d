package import Hummingbird
import Logging
package import ServiceLifecycle
import SoukBroker
import SoukDatabase
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
        /// Address to listen on.
        package var host = "127.0.0.1"
        /// Port to listen on; 0 lets the system choose.
        package var port = 8080
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
        /// What takes connections; nil for a plain HTTP/1.1 server.
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
        /// From `startedAt` until now.
        package let startDuration: Duration
    }

    private let services: [any HostedService]
    private let resources: [ServiceResources]
    private let extraServices: [any Service]
    private let responder: HostResponder
    private let health: HostHealth
    private let options: Options
    private let onReady: @Sendable (Ready) -> Void
    private let logger = Logger(label: "souk.host")

    /// A host for `services`, which live on `resources` and have registered their routes with `responder`.
    ///
    /// Each database and broker of `resources` becomes a readiness probe, besides `probes`, and is closed at the end.
    /// `extraServices` run until shutdown, begun before the services are prepared and ended after them. `metrics` gives
    /// the Prometheus text.
    package init(
        services: [any HostedService], resources: [ServiceResources], extraServices: [any Service] = [],
        probes: [ReadinessProbe] = [],
        responder: any HTTPResponder<SoukRequestContext>,
        options: Options = Options(),
        metrics: @escaping @Sendable () async -> String,
        onReady: @escaping @Sendable (Ready) -> Void = { _ in }
    ) {
        self.services = services
        self.resources = resources
        self.extraServices = extraServices
        self.options = options
        self.onReady = onReady
        health = HostHealth(
            probes: resources.map { .database("\($0.name).database", $0.database) }
                + Self.brokers(of: resources).map {
                    // Without a broker events wait in the outbox; a process that waits for it does so too.
                    .broker("broker", isRequired: !options.waitsForDependencies, $0)
                } + probes)
        self.responder = HostResponder(routes: responder, health: health, metrics: metrics)
    }

    /// Prepares the services and serves until shutdown; everything is closed when it returns or throws.
    ///
    /// - Parameter servers: begun once all services are prepared, and ended first, beside the HTTP server.
    /// Throws: `StartupError` when the address can't be bound, a service can't be prepared, or a part ended by itself.
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
        try await HTTPServerService.checkAddress(host: options.host, port: options.port)
        let preparation = Preparation(
            services: services, clock: options.clock, logger: logger,
            onDone: { [health] in health.enter(.serving) })
        if !options.waitsForDependencies { try await preparation.runOnce() }
        let logger = Logger(label: "souk.http")
        let server = HTTPServerService(
            frontend: options.frontend ?? HummingbirdFrontend(logger: logger), responder: responder,
            health: health, host: options.host, port: options.port,
            drainTimeout: options.drainTimeout, clock: options.clock, logger: logger,
            onListening: { [options, onReady] port in
                onReady(Ready(port: port, startDuration: ContinuousClock.now - options.startedAt))
            })
        let afterwards = (services.flatMap(\.backgroundServices) + servers).map {
            AfterPreparation(service: $0, preparation: preparation)
        }
        let parts = (extraServices + [preparation] + afterwards + [server]).map { part in
            ServiceGroupConfiguration.ServiceConfiguration(
                service: Part(service: part), failureTerminationBehavior: .gracefullyShutdownGroup)
        }
        var configuration = ServiceGroupConfiguration(
            services: parts, gracefulShutdownSignals: options.signals, logger: logger)
        configuration.maximumGracefulShutdownDuration = options.shutdownTimeout
        try await ServiceGroup(configuration: configuration).run()
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
