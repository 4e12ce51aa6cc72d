import Logging
import SoukAuth
import SoukAuthGuard
import SoukAuthToken
import SoukBroker
import SoukBrokerEmbedded
import SoukDatabase
import SoukDatabaseSQLite
import SoukEnv
import SoukGateway
import SoukGuards
import SoukHTTP
import SoukNotification
import SoukObservability
import SoukOrder
import SoukPayment
import SoukPaymentSandbox
import SoukProduct
import SoukService
import SoukTime
import SoukVendor
import Synchronization
import SoukText

/// Every service over SQLite and the embedded broker, handed to each other as kernels.
struct Marketplace {
    private let configuration: MarketplaceConfiguration
    private let directory: DataDirectory
    private let resources: [ServiceResources]
    private let services: [any HostedService]
    private let web: WebRouter
    private let frontend: GatewayFrontend
    private let registry: PrometheusRegistry
    private let address: Address

    /// Opens the databases and puts the services together; nothing is served yet.
    ///
    /// - Throws: `ConfigurationError` naming a variable; `StartupError` and other one-line errors.
    static func open(_ configuration: MarketplaceConfiguration) async throws -> Marketplace {
        let registry = SoukObservability.bootstrap()
        SupervisedServer.countRestarts()
        let directory = try DataDirectory(configuration.dataDirectory)
        let keys = try await TokenKeys.loadOrCreate(directory: directory.file("keys"))
        var opened: [ServiceResources] = []
        do {
            let broker = try await EmbeddedBroker.open(path: directory.file("events.sqlite"))
            for name in Name.allCases {
                let path = directory.file("\(name.rawValue).sqlite")
                let database = try await SQLiteDatabase.open(path: path, options: configuration.sqlite)
                opened.append(
                    ServiceResources(
                        name: name.rawValue, database: database, broker: broker, clock: SystemClock(),
                        environment: configuration.environment))
            }
            return try Marketplace(
                configuration, directory, keys: keys, resources: opened, registry: registry)
        } catch {
            for resource in opened { await resource.database.close() }
            throw error
        }
    }

    private init(
        _ configuration: MarketplaceConfiguration, _ directory: DataDirectory, keys: TokenKeys,
        resources: [ServiceResources], registry: PrometheusRegistry
    ) throws {
        self.configuration = configuration
        self.directory = directory
        self.resources = resources
        self.registry = registry
        let address = Address(configuration)
        self.address = address
        func resource(_ name: Name) -> ServiceResources { resources[Name.allCases.firstIndex(of: name) ?? 0] }

        let gateway = GatewayService(clock: SystemClock())
        frontend = try GatewayFrontend(
            environment: configuration.environment, ports: nil, verifier: keys, cache: nil,
            clock: SystemClock())
        let auth = try AuthService(resources: resource(.auth), keys: keys)
        // The only process, so nobody else has to be told: no shared cache, and no events.
        let accounts = ActiveAccountGuard(auth: auth.kernel, cache: nil, clock: SystemClock())
        auth.endings.observe { user, sessions in accounts.drop(sessions: sessions, of: user) }
        let vendor = try VendorService(resources: resource(.vendor))
        let product = try ProductService(resources: resource(.product), vendors: vendor.kernel)
        let isSecretGiven = try configuration.environment.secret("SOUK_SANDBOX_WEBHOOK_SECRET") != nil
        let sandbox = try SandboxProvider(
            resources: resource(.sandbox),
            secrets: isSecretGiven ? nil : [try directory.secret("webhook-secret")],
            baseURL: { address.publicURL }, webhookURL: { address.webhookURL })
        let payment = try PaymentService(
            resources: resource(.payment), provider: sandbox, vendors: vendor.kernel)
        let order = try OrderService(
            resources: resource(.order), products: product.kernel, vendors: vendor.kernel,
            payments: payment.kernel)
        let notification = try NotificationService(
            resources: resource(.notification), users: auth.kernel, accountMails: auth.mails,
            publicURL: { address.publicURL }, mailDirectory: directory.file("mail"))
        services = [gateway, auth, vendor, product, sandbox, payment, order, notification]

        web = WebRouter(
            verifier: VerifiedTokens(keys, clock: SystemClock()), accounts: accounts,
            options: configuration.server.http)
        for service in services { service.registerRoutes(web.routes) }
        AdminEventRoutes(services.compactMap(\.events)).register(on: web.routes)
    }

    /// Serves until SIGTERM or SIGINT.
    func run(on sockets: HostSockets, startedAt: ContinuousClock.Instant) async throws {
        var options = ServiceHost.Options()
        options.startedAt = startedAt
        options.frontend = frontend
        let host = ServiceHost(
            services: services, resources: resources, sockets: sockets, responder: web.buildResponder(),
            options: options,
            metrics: { [registry] in registry.render() },
            onReady: { [address, directory] ready in
                address.port.withLock { $0 = ready.port }
                do {
                    try directory.announce(
                        url: address.publicURL,
                        operationsURL: ready.operationsPort.map(address.operationsURL),
                        startDuration: ready.startDuration)
                } catch {
                    Logger(label: "souk").warning(
                        "souk.url could not be written", metadata: ["error": "\(error)"])
                }
            })
        try await host.run()
    }

    /// Prepares every service and closes.
    func migrate() async throws {
        for service in services { try await service.prepare() }
        await close()
    }

    func close() async {
        for resource in resources { await resource.database.close() }
        await resources.first?.broker.close()
    }

    /// `METHOD PATH`, sorted by path.
    var routes: [String] {
        _ = web.buildResponder()
        return web.catalogue.routes.map { "\($0.method) \($0.path)" }
    }

    /// The services that own a database.
    private enum Name: String, CaseIterable {
        case auth, vendor, product, sandbox, payment, order, notification
    }
}

/// Where the process is reached; the port is known once it listens.
private final class Address: Sendable {
    let port: Mutex<Int>
    private let configured: String?
    private let host: String
    private let operations: OperationsAddress

    init(_ configuration: MarketplaceConfiguration) {
        operations = configuration.server.operations
        port = Mutex(configuration.server.port)
        configured = configuration.publicURL
        host = configuration.server.host
    }

    /// How clients reach us.
    var publicURL: String { configured ?? local }

    /// Where `/livez`, `/readyz` and `/metrics` are.
    func operationsURL(port: Int) -> String {
        guard case .own(let host, _) = operations else { return local }
        return Self.url(host, port)
    }

    /// Where the sandbox delivers its webhooks: always this process.
    var webhookURL: String { "\(local)/api/v1/payments/webhooks/sandbox" }

    private var local: String { Self.url(host, port.withLock { $0 }) }

    /// The address under which this machine reaches what listens on `host`.
    private static func url(_ host: String, _ port: Int) -> String {
        let reachable = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
        return "http://\(reachable.contains(byte: ":") ? "[\(reachable)]" : reachable):\(port)"
    }
}
