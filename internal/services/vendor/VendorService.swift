package import ServiceLifecycle
import SoukDatabase
import SoukEvents
package import SoukEventsRuntime
package import SoukHTTP
package import SoukService
import SoukTime
package import SoukVendorKernel

/// Vendors, their stores and stock, and their parts of orders until delivered or returned.
package final class VendorService: HostedService {
    /// How often holds on stock are looked at that are past their time.
    private static let expiryInterval: Duration = .seconds(1)
    private static let housekeepingInterval: Duration = .seconds(3_600)

    package let name = "vendor"
    /// What peers in the same process call.
    package let kernel: any VendorKernel
    package let backgroundServices: [any Service]

    private let resources: ServiceResources
    private let runtime: EventRuntime
    private let idempotency: Idempotency
    private let accounts: VendorAccounts
    private let storefronts: Storefronts
    private let stock: StockKeeping
    private let fulfilment: Fulfilment
    private let returns: Returns

    /// A service on these resources. Nothing runs before ``prepare()``.
    package init(resources: ServiceResources) {
        let database = resources.database
        let clock = resources.clock
        let runtime = EventRuntime(service: "vendor", database: database, broker: resources.broker, clock: clock)
        let outbox = runtime.outbox
        let ledger = StockLedger(outbox: outbox)
        let reservations = Reservations(database: database, ledger: ledger, clock: clock)
        let fulfilment = Fulfilment(database: database, ledger: ledger, outbox: outbox, clock: clock)
        let orders = PaidOrders(reservations: reservations, ledger: ledger, outbox: outbox, clock: clock)
        let idempotency = Idempotency(database: database, clock: clock)
        self.resources = resources
        self.runtime = runtime
        self.idempotency = idempotency
        accounts = VendorAccounts(database: database, outbox: outbox, clock: clock)
        storefronts = Storefronts(database: database, clock: clock)
        stock = StockKeeping(database: database, ledger: ledger, clock: clock)
        self.fulfilment = fulfilment
        returns = Returns(database: database, ledger: ledger, outbox: outbox, clock: clock)
        kernel = LocalVendorKernel(database: database, reservations: reservations, fulfilment: fulfilment)
        backgroundServices =
            runtime.services(handlers: OrderEventHandlers.all(orders)) + [
                PeriodicJob(name: "vendor.reservation_expiry", every: Self.expiryInterval, clock: clock) {
                    try await reservations.expireDue()
                },
                PeriodicJob(name: "vendor.housekeeping", every: Self.housekeepingInterval, clock: clock) {
                    try await AppliedRequestTable.purge(before: clock.now() - Idempotency.retention, database)
                    try await idempotency.purge()
                },
            ]
    }

    package func prepare() async throws {
        let database = resources.database
        try await Migrator.migrate(database, VendorMigrations.all, set: "vendor")
        try await Migrator.migrate(database, EventRuntime.migrations, set: "events")
        try await Migrator.migrate(database, Idempotency.migrations, set: "idempotency")
        try await idempotency.recover()
    }

    package func registerRoutes(_ routes: Routes) {
        VendorRoutes(accounts: accounts, storefronts: storefronts).register(routes)
        StoreRoutes(storefronts: storefronts, stock: stock, idempotency: idempotency).register(routes)
        VendorOrderRoutes(fulfilment: fulfilment, idempotency: idempotency).register(routes)
        ReturnRoutes(returns: returns, idempotency: idempotency).register(routes)
    }

    package var events: EventAdministration? { runtime.administration }
}
