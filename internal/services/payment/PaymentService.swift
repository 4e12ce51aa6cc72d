import Logging
package import ServiceLifecycle
import SoukDatabase
package import SoukEnv
package import SoukEventsRuntime
package import SoukHTTP
import SoukIdempotency
package import SoukPaymentKernel
package import SoukService
import SoukTime
package import SoukVendorKernel

/// Takes money for orders, gives it back, and keeps the books.
package final class PaymentService: HostedService {
    package let name = "payment"
    /// What peers call.
    package let kernel: any PaymentKernel
    package let backgroundServices: [any Service]

    private let resources: ServiceResources
    private let runtime: EventRuntime
    private let idempotency: Idempotency
    private let paymentRoutes: PaymentRoutes
    private let ledgerRoutes: LedgerRoutes

    /// Reads its options from the environment; touches nothing yet.
    ///
    /// - Parameters:
    ///   - provider: takes the money; its webhooks come to `/api/v1/payments/webhooks/<its name>`.
    ///   - vendors: tells whose ledger a caller may see.
    /// - Throws: `ConfigurationError` naming the variable.
    package convenience init(
        resources: ServiceResources, provider: any PaymentProvider, vendors: any VendorKernel
    ) throws(ConfigurationError) {
        self.init(
            resources: resources, provider: provider, vendors: vendors,
            options: try PaymentOptions(environment: resources.environment))
    }

    /// With these options, whatever the environment says.
    package init(
        resources: ServiceResources, provider: any PaymentProvider, vendors: any VendorKernel,
        options: PaymentOptions
    ) {
        self.resources = resources
        let (database, clock, logger) = (resources.database, resources.clock, resources.logger)
        runtime = EventRuntime(service: "payment", database: database, broker: resources.broker, clock: clock)
        idempotency = Idempotency(database: database, clock: clock, limits: options.idempotency)
        let core = PaymentCore(
            database: database, outbox: runtime.outbox, provider: provider, options: options, clock: clock,
            logger: logger)
        kernel = core.kernel
        paymentRoutes = PaymentRoutes(
            database: database, intents: core.intents, refundStore: core.refundStore, refunds: core.refunds,
            workflow: core.workflow, webhooks: core.webhooks, idempotency: idempotency)
        ledgerRoutes = LedgerRoutes(
            database: database, reader: LedgerReader(database: database),
            verifier: LedgerVerifier(database: database), commissions: core.commissions, vendors: vendors,
            clock: clock)
        let handlers = PaymentHandlers(
            intents: core.intents, refunds: core.refunds, clock: clock, logger: logger)
        let purge = PeriodicJob(name: "payment.purge", every: .seconds(3_600), clock: clock) {
            [idempotency, webhooks = core.webhooks, retention = options.webhookRetention] in
            try await idempotency.purge()
            try await webhooks.purge(receivedBefore: clock.now() - retention)
        }
        backgroundServices =
            runtime.services(
                handlers: PaymentHandlers.events.bound(to: handlers)) + [
                core.refundJob, core.reconcileJob, purge,
            ]
    }

    package func prepare() async throws {
        try await Migrator.migrate(
            resources.database, PaymentMigrations.all, set: "payment", clock: resources.clock)
        try await Migrator.migrate(
            resources.database, EventRuntime.migrations, set: "events", clock: resources.clock)
        try await Migrator.migrate(
            resources.database, Idempotency.migrations, set: "idempotency", clock: resources.clock)
        try await idempotency.recover()
    }

    package func registerRoutes(_ routes: Routes) {
        paymentRoutes.register(routes)
        ledgerRoutes.register(routes)
    }

    package var events: (any EventAdministration)? { runtime.administration }
}
