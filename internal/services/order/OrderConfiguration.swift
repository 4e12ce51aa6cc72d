import SoukEnv
import SoukHTTP
import SoukIdempotency
import SoukService

/// What can be set from outside.
struct OrderConfiguration: Sendable {
    /// How long a placed order waits for its payment.
    var paymentWindow: Duration = .seconds(30 * 60)
    /// How many placed orders of one customer may wait at a time.
    var maximumUnpaid = 20
    var coolDown = CoolDown()
    /// How long orders that ended unpaid are kept.
    var unpaidRetention: Duration = .seconds(90 * 86_400)
    var reconcileInterval: Duration = .seconds(30)
    /// When an order that doesn't move is looked into.
    var reconcileAfter: Duration = .seconds(60)
    /// After this long without a change a cart is deleted.
    var cartLifetime: Duration = .seconds(30 * 86_400)
    var guestCarts = GuestCartLimits()
    var idempotency = Idempotency.Limits()
    var sagas = OrderSagas.Options(
        hold: .seconds(40 * 60), largeHold: .seconds(20 * 60), largeWindow: .seconds(10 * 60))

    init() {}

    /// - Throws: `ConfigurationError` for a malformed duration, or zero where time must pass.
    init(_ environment: Environment) throws(ConfigurationError) {
        paymentWindow = try Self.positive(environment, "SOUK_ORDER_PAYMENT_WINDOW", default: paymentWindow)
        maximumUnpaid = try environment.int("SOUK_ORDER_MAX_UNPAID", default: maximumUnpaid, in: 1...100_000)
        coolDown.free = try environment.int(
            "SOUK_ORDER_COOL_DOWN_AFTER", default: coolDown.free, in: 0...1_000_000)
        coolDown.freeRefusals = try environment.int(
            "SOUK_ORDER_COOL_DOWN_AFTER_REFUSALS", default: coolDown.freeRefusals, in: 0...1_000_000)
        coolDown.first = try environment.duration("SOUK_ORDER_COOL_DOWN", default: coolDown.first)
        unpaidRetention = try Self.retention(environment, default: unpaidRetention)
        let slack = try environment.duration("SOUK_ORDER_RESERVATION_SLACK", default: .seconds(10 * 60))
        let largeWindow = try Self.positive(
            environment, "SOUK_ORDER_LARGE_PAYMENT_WINDOW", default: sagas.largeWindow)
        sagas = OrderSagas.Options(
            hold: paymentWindow + slack, largeHold: min(paymentWindow, largeWindow) + slack,
            largeWindow: largeWindow)
        reconcileInterval = try Self.positive(
            environment, "SOUK_ORDER_RECONCILE_INTERVAL", default: reconcileInterval)
        reconcileAfter = try environment.duration("SOUK_ORDER_RECONCILE_AFTER", default: reconcileAfter)
        cartLifetime = try Self.positive(environment, "SOUK_CART_TTL", default: cartLifetime)
        guestCarts = try GuestCartLimits(environment)
        idempotency = try Idempotency.Limits(environment)
    }

    /// Longer than the key of a checkout is known, which must not make a second order.
    private static func retention(
        _ environment: Environment, default fallback: Duration
    ) throws(ConfigurationError) -> Duration {
        let name = "SOUK_ORDER_UNPAID_RETENTION"
        let duration = try environment.duration(name, default: fallback)
        guard duration > Idempotency.retention else {
            throw ConfigurationError(name, "must be longer than 24h")
        }
        return duration
    }

    private static func positive(
        _ environment: Environment, _ name: String, default fallback: Duration
    ) throws(ConfigurationError) -> Duration {
        let duration = try environment.duration(name, default: fallback)
        guard duration > .zero else { throw ConfigurationError(name, "must be longer than nothing") }
        return duration
    }
}
