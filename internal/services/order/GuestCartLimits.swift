import SoukEnv
import SoukHTTP
import SoukService

/// What people who are not signed in may have stored. A network is an IPv4 address or the /64 of an IPv6 address.
struct GuestCartLimits: Sendable, Hashable {
    /// Lines of one cart.
    var lines = 100
    /// Carts that one network may open within an hour.
    var perHour = 60
    /// Carts that one network may have at a time.
    var perNetwork = 500
    /// After this long a cart that was never touched again is deleted.
    var untouchedLifetime: Duration = .seconds(86_400)
    /// Addresses whose carts aren't counted.
    var exempt: [AddressRange] = []

    init() {}

    /// `SOUK_GUEST_CART_…` and `SOUK_RATE_LIMIT_EXEMPT`.
    ///
    /// - Throws: `ConfigurationError` naming the variable.
    init(_ environment: Environment) throws(ConfigurationError) {
        lines = try environment.int("SOUK_GUEST_CART_MAX_LINES", default: lines, in: 1...Cart.maximumLines)
        perHour = try environment.int("SOUK_GUEST_CART_MAX_PER_HOUR", default: perHour, in: 1...1_000_000)
        perNetwork = try environment.int(
            "SOUK_GUEST_CART_MAX_PER_NETWORK", default: perNetwork, in: 1...10_000_000)
        untouchedLifetime = try environment.duration("SOUK_GUEST_CART_TTL", default: untouchedLifetime)
        exempt = try environment.addressRanges("SOUK_RATE_LIMIT_EXEMPT")
    }
}
