package import ServiceLifecycle
import SoukDatabase
package import SoukEnv
package import SoukEventsRuntime
package import SoukHTTP
import SoukIdempotency
package import SoukService
import SoukTime
package import SoukVendorKernel

/// Vendors, their stores and stock, and their parts of orders until delivered or returned.
package final class VendorService: HostedService {
    /// How often the service looks for holds on stock that are past their time.
    private static let expiryInterval: Duration = .seconds(1)
    private static let housekeepingInterval: Duration = .seconds(3_600)

    package let name = "vendor"
    package let backgroundServices: [any Service]

    private let database: any Database
    private let runtime: EventRuntime
    private let idempotency: Idempotency
    private let useCases: VendorUseCases

    /// A service on these resources, configured by `SOUK_VENDOR_…`. Nothing runs before ``prepare()``.
    ///
    /// - Throws: `ConfigurationError` naming the variable.
    package convenience init(resources: ServiceResources) throws(ConfigurationError) {
        self.init(resources: resources, configuration: try VendorConfiguration(resources.environment))
    }

    init(resources: ServiceResources, configuration: VendorConfiguration) {
        let database = resources.database
        let clock = resources.clock
        let runtime = EventRuntime(
            service: "vendor", database: database, broker: resources.broker, clock: clock)
        let useCases = VendorUseCases(
            database: database, outbox: runtime.outbox, clock: clock, limits: configuration.limits,
            holds: configuration.holds)
        let idempotency = Idempotency(database: database, clock: clock, limits: configuration.idempotency)
        self.database = database
        self.runtime = runtime
        self.idempotency = idempotency
        self.useCases = useCases
        backgroundServices =
            runtime.services(
                handlers: OrderEventHandlers.events.bound(to: OrderEventHandlers(orders: useCases.orders)))
            + [
                PeriodicJob(name: "vendor.reservation_expiry", every: Self.expiryInterval, clock: clock) {
                    try await useCases.reservations.expireDue()
                },
                PeriodicJob(name: "vendor.housekeeping", every: Self.housekeepingInterval, clock: clock) {
                    let now = clock.now()
                    try await AppliedRequestTable.purge(before: now - Idempotency.retention, database)
                    try await StockChangeTable.purge(before: StockChangeTable.day(of: now), database)
                    try await useCases.reservations.purge()
                    try await idempotency.purge()
                },
            ]
    }

    /// What peers in the same process call.
    package var kernel: any VendorKernel { useCases.kernel }

    package var events: (any EventAdministration)? { runtime.administration }

    package func prepare() async throws {
        try await Migrator.migrate(database, VendorMigrations.all, set: "vendor")
        try await Migrator.migrate(database, EventRuntime.migrations, set: "events")
        try await Migrator.migrate(database, Idempotency.migrations, set: "idempotency")
        try await idempotency.recover()
    }

    package func registerRoutes(_ routes: Routes) {
        VendorRoutes(accounts: useCases.accounts, storefronts: useCases.storefronts).register(routes)
        StoreRoutes(storefronts: useCases.storefronts, stock: useCases.stock, idempotency: idempotency)
            .register(routes)
        VendorOrderRoutes(fulfilment: useCases.fulfilment, idempotency: idempotency).register(routes)
        ReturnRoutes(returns: useCases.returns, idempotency: idempotency).register(routes)
    }
}
