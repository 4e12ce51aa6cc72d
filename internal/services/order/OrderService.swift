import Logging
package import ServiceLifecycle
import SoukCallContext
import SoukDatabase
package import SoukEnv
package import SoukEventsRuntime
package import SoukHTTP
import SoukIdempotency
package import SoukPaymentKernel
package import SoukProductKernel
package import SoukService
import SoukTime
package import SoukVendorKernel

/// Carts, checkout and orders.
///
/// Offers its peers nothing but its events: it is the one that asks. It needs prices from the product service, stock from
/// the vendor service and intents from the payment service, and holds an order's life together through sagas.
package final class OrderService: HostedService {
    package let name: String
    let configuration: OrderConfiguration
    let carts: Carts
    let checkout: Checkout
    let cancellation: Cancellation
    let reconciler: Reconciler
    let sagas: OrderSagas
    let transitions: OrderTransitions
    private let resources: ServiceResources
    private let runtime: EventRuntime
    private let idempotency: Idempotency

    /// The service over its own database, configured by `SOUK_ORDER_…` and `SOUK_CART_TTL`.
    ///
    /// - Throws: `ConfigurationError` naming the variable.
    package convenience init(
        resources: ServiceResources, products: any ProductKernel, vendors: any VendorKernel,
        payments: any PaymentKernel
    ) throws(ConfigurationError) {
        self.init(
            resources: resources, products: products, vendors: vendors, payments: payments,
            configuration: try OrderConfiguration(resources.environment))
    }

    init(
        resources: ServiceResources, products: any ProductKernel, vendors: any VendorKernel,
        payments: any PaymentKernel, configuration: OrderConfiguration
    ) {
        let database = resources.database
        let clock = resources.clock
        let logger = resources.logger
        name = resources.name
        self.resources = resources
        self.configuration = configuration
        runtime = EventRuntime(
            service: resources.name, database: database, broker: resources.broker, clock: clock)
        idempotency = Idempotency(database: database, clock: clock, limits: configuration.idempotency)
        transitions = OrderTransitions(outbox: runtime.outbox, clock: clock)
        sagas = OrderSagas(
            database: database, transitions: transitions, vendors: vendors, payments: payments, clock: clock,
            options: configuration.sagas, logger: logger)
        carts = Carts(
            database: database, pricing: CartPricing(products: products, vendors: vendors), clock: clock,
            guests: configuration.guestCarts)
        checkout = Checkout(
            database: database, carts: carts, sagas: sagas, clock: clock,
            paymentWindow: configuration.paymentWindow, maximumUnpaid: configuration.maximumUnpaid,
            coolDown: configuration.coolDown)
        cancellation = Cancellation(
            database: database, transitions: transitions, sagas: sagas, clock: clock, logger: logger)
        reconciler = Reconciler(
            database: database, transitions: transitions, sagas: sagas, payments: payments, clock: clock,
            deadline: configuration.reconcileAfter, logger: logger)
    }

    package func prepare() async throws {
        let database = resources.database
        try await Migrator.migrate(database, EventRuntime.migrations, set: "events")
        try await Migrator.migrate(database, Idempotency.migrations, set: "idempotency")
        try await Migrator.migrate(database, OrderMigrations.all, set: "order")
        try await idempotency.recover()
        // A SQLite file has one owning process, so every claim is a dead one's; elsewhere claims run out.
        if database.dialect == .sqlite {
            try await transitions.sagas.recoverAll(at: resources.clock.now(), in: database)
        }
    }

    package func registerRoutes(_ routes: Routes) {
        CartRoutes(carts: carts, exempt: configuration.guestCarts.exempt).register(routes)
        CheckoutRoutes(
            checkout: checkout, carts: carts, database: resources.database, idempotency: idempotency
        ).register(routes)
        OrderRoutes(
            cancellation: cancellation, reconciler: reconciler, database: resources.database,
            idempotency: idempotency
        ).register(routes)
    }

    package var backgroundServices: [any Service] {
        runtime.services(
            handlers: OrderEventHandlers.events.bound(to: OrderEventHandlers(transitions: transitions)))
            + jobs
    }

    package var events: (any EventAdministration)? { runtime.administration }

    private var jobs: [any Service] {
        let clock = resources.clock
        return [
            PeriodicJob(name: "order.sagas", every: .seconds(2), clock: clock) { [sagas] in
                try await Self.drain(100) { try await sagas.advanceDue(limit: $0) }
            },
            PeriodicJob(name: "order.expiry", every: .seconds(5), clock: clock) { [cancellation] in
                try await Self.drain(100) { try await cancellation.expireOverdue(limit: $0) }
            },
            PeriodicJob(name: "order.reconciler", every: configuration.reconcileInterval, clock: clock) {
                [reconciler] in
                _ = try await reconciler.reconcile(.background("order.reconciler"))
            },
            PeriodicJob(name: "order.housekeeping", every: .seconds(3600), clock: clock) {
                [carts, checkout, idempotency, configuration, logger = resources.logger] in
                try await idempotency.purge()
                let purged = try await carts.purge(untouchedFor: configuration.cartLifetime)
                if purged > 0 { logger.info("carts purged", metadata: ["count": "\(purged)"]) }
                let forgotten = try await checkout.purge(unpaidFor: configuration.unpaidRetention)
                if forgotten > 0 { logger.info("unpaid orders purged", metadata: ["count": "\(forgotten)"]) }
            },
        ]
    }

    /// Does batches until one isn't full; the rest waits for the next run, should something stay due.
    private static func drain(_ batch: Int, _ body: (Int) async throws -> Int) async throws {
        for _ in 0..<20 {
            guard try await body(batch) == batch else { return }
        }
    }
}
