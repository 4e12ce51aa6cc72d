import Logging
package import ServiceLifecycle
import SoukCallContext
import SoukDatabase
package import SoukEnv
package import SoukEventsRuntime
package import SoukHTTP
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
        idempotency = Idempotency(database: database, clock: clock)
        transitions = OrderTransitions(outbox: runtime.outbox, clock: clock)
        sagas = OrderSagas(
            database: database, transitions: transitions, vendors: vendors, payments: payments, clock: clock,
            options: configuration.sagas, logger: logger)
        carts = Carts(
            database: database, pricing: CartPricing(products: products, vendors: vendors), clock: clock)
        checkout = Checkout(
            database: database, carts: carts, sagas: sagas, clock: clock,
            paymentWindow: configuration.paymentWindow, maximumUnpaid: configuration.maximumUnpaid)
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
        CartRoutes(carts: carts).register(routes)
        CheckoutRoutes(
            checkout: checkout, carts: carts, database: resources.database, idempotency: idempotency
        ).register(routes)
        OrderRoutes(
            cancellation: cancellation, reconciler: reconciler, database: resources.database,
            idempotency: idempotency
        ).register(routes)
    }

    package var backgroundServices: [any Service] {
        runtime.services(handlers: OrderEventHandlers(transitions: transitions).all + resources.guardHandlers)
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
                [carts, idempotency, configuration, logger = resources.logger] in
                try await idempotency.purge()
                let purged = try await carts.purge(untouchedFor: configuration.cartLifetime)
                if purged > 0 { logger.info("carts purged", metadata: ["count": "\(purged)"]) }
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

/// What can be set from outside.
struct OrderConfiguration: Sendable {
    /// How long a placed order waits for its payment.
    var paymentWindow: Duration = .seconds(30 * 60)
    /// How many placed orders of one customer may wait at a time.
    var maximumUnpaid = 20
    var reconcileInterval: Duration = .seconds(30)
    /// When an order that doesn't move is looked into.
    var reconcileAfter: Duration = .seconds(60)
    /// After this long without a change a cart is deleted.
    var cartLifetime: Duration = .seconds(30 * 86_400)
    var sagas = OrderSagas.Options(hold: .seconds(40 * 60))

    init() {}

    /// - Throws: `ConfigurationError` for a malformed duration, or zero where time must pass.
    init(_ environment: Environment) throws(ConfigurationError) {
        paymentWindow = try Self.positive(environment, "SOUK_ORDER_PAYMENT_WINDOW", default: paymentWindow)
        maximumUnpaid = try environment.int("SOUK_ORDER_MAX_UNPAID", default: maximumUnpaid, in: 1...100_000)
        let slack = try environment.duration("SOUK_ORDER_RESERVATION_SLACK", default: .seconds(10 * 60))
        sagas = OrderSagas.Options(hold: paymentWindow + slack)
        reconcileInterval = try Self.positive(
            environment, "SOUK_ORDER_RECONCILE_INTERVAL", default: reconcileInterval)
        reconcileAfter = try environment.duration("SOUK_ORDER_RECONCILE_AFTER", default: reconcileAfter)
        cartLifetime = try Self.positive(environment, "SOUK_CART_TTL", default: cartLifetime)
    }

    private static func positive(
        _ environment: Environment, _ name: String, default fallback: Duration
    ) throws(ConfigurationError) -> Duration {
        let duration = try environment.duration(name, default: fallback)
        guard duration > .zero else { throw ConfigurationError(name, "must be longer than nothing") }
        return duration
    }
}
