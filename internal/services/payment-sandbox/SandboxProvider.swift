package import HTTPTypes
package import ServiceLifecycle
import SoukDatabase
package import SoukEnv
package import SoukEventsRuntime
package import SoukHTTP
package import SoukIdentifiers
package import SoukMoney
package import SoukPayment
package import SoukService
package import SoukTime
import SoukText

/// A payment provider that moves no real money, built as if it were another company: its own database, its own pay
/// page, and signed webhooks over HTTP like anybody else's.
package final class SandboxProvider: HostedService, PaymentProvider {
    private static let deliveryInterval: Duration = .seconds(1)
    private static let sweepInterval: Duration = .seconds(10)
    /// How long delivered webhooks can be looked at.
    private static let retention: Duration = .seconds(30 * 86_400)

    /// Both the service's and the provider's.
    package let name = "sandbox"
    package let backgroundServices: [any Service]

    private let resources: ServiceResources
    private let secrets: [Secret<String>]
    private let baseURL: @Sendable () -> String
    private let desk: ChargeDesk
    private let routes: PayRoutes

    /// Reads its options from the environment; touches nothing yet.
    ///
    /// - Parameters:
    ///   - secrets: sign the webhooks, all of them, and any one of them proves one; nil for those of the environment.
    ///   - baseURL: where customers reach this process; asked anew for every page address.
    ///   - webhookURL: where webhooks go unless the environment says otherwise; asked anew for every delivery.
    /// - Throws: `ConfigurationError` naming the variable.
    package convenience init(
        resources: ServiceResources, secrets: [Secret<String>]? = nil,
        baseURL: @escaping @Sendable () -> String, webhookURL: @escaping @Sendable () -> String
    ) throws(ConfigurationError) {
        let environment = resources.environment
        let known = if let secrets { secrets } else { try SandboxOptions.webhookSecrets(environment) }
        try self.init(
            resources: resources, secrets: known, baseURL: baseURL, webhookURL: webhookURL,
            options: try SandboxOptions(environment: environment), transport: HTTPWebhookTransport())
    }

    init(
        resources: ServiceResources, secrets: [Secret<String>], baseURL: @escaping @Sendable () -> String,
        webhookURL: @escaping @Sendable () -> String, options: SandboxOptions, transport: any WebhookTransport
    ) throws(ConfigurationError) {
        guard !secrets.isEmpty, secrets.allSatisfy({ !$0.reveal().isEmpty }) else {
            throw ConfigurationError("SOUK_SANDBOX_WEBHOOK_SECRET", "is not set")
        }
        self.resources = resources
        self.secrets = secrets
        self.baseURL = baseURL
        let (database, clock) = (resources.database, resources.clock)
        let queue = WebhookQueue()
        let delivery = WebhookDelivery(
            database: database, queue: queue, transport: transport,
            url: { options.webhookURL ?? webhookURL() },
            secrets: secrets, duplicateProbability: options.duplicateProbability, clock: clock,
            logger: resources.logger)
        let deliveryJob = PeriodicJob(name: "sandbox.webhooks", every: Self.deliveryInterval, clock: clock) {
            try await delivery.run()
        }
        let desk = ChargeDesk(
            database: database, store: ChargeStore(), queue: queue, clock: clock, wake: { deliveryJob.wake() }
        )
        let sweepJob = PeriodicJob(name: "sandbox.sweep", every: Self.sweepInterval, clock: clock) {
            try await desk.sweep()
            try await queue.purge(before: clock.now() - Self.retention, in: database)
        }
        self.desk = desk
        routes = PayRoutes(desk: desk, page: PayPage())
        backgroundServices = [WebhookDeliveryService(job: deliveryJob, transport: transport), sweepJob]
    }

    // MARK: HostedService

    package func prepare() async throws {
        try await Migrator.migrate(
            resources.database, SandboxMigrations.all, set: "sandbox", clock: resources.clock)
    }

    package func registerRoutes(_ routes: Routes) {
        self.routes.register(routes)
    }

    package var events: (any EventAdministration)? { nil }

    // MARK: PaymentProvider

    package func createCharge(_ request: ChargeRequest) async throws(ProviderError) -> ProviderCharge {
        let charge = try await desk.create(request)
        var base = baseURL()
        while base.hasSuffix(bytes: "/") { base.removeLast() }
        return ProviderCharge(reference: charge.reference, payURL: "\(base)/sandbox/pay/\(charge.token)")
    }

    package func capture(
        _ reference: String, amount: Money, key: String
    ) async throws(ProviderError) -> ProviderChargeState {
        // A charge is captured once and whole, so the charge itself is as good a key as the one given.
        try await desk.capture(reference, amount: amount).providerState
    }

    package func cancel(_ reference: String) async throws(ProviderError) -> ProviderChargeState {
        try await desk.cancel(reference).providerState
    }

    package func refund(_ reference: String, amount: Money, refundID: RefundID) async throws(ProviderError) {
        try await desk.refund(reference, amount: amount, id: refundID)
    }

    package func lookup(_ reference: String) async throws(ProviderError) -> ProviderChargeState {
        try await desk.lookup(reference).providerState
    }

    package func verifyWebhook(
        headers: HTTPFields, rawBody: [UInt8], now: Timestamp
    ) throws(WebhookError) -> ProviderEvent {
        try WebhookPayload.verified(headers: headers, rawBody: rawBody, secrets: secrets, now: now)
    }
}
