import SoukEnv
import SoukHTTP
import SoukIdempotency
import SoukService

/// What can be set from outside.
struct VendorConfiguration: Sendable {
    var limits = VendorLimits()
    var holds = HoldLimits()
    var idempotency = Idempotency.Limits()

    /// The defaults.
    init() {}

    /// - Throws: `ConfigurationError` naming the variable.
    init(_ environment: Environment) throws(ConfigurationError) {
        limits.stores = try environment.int(
            "SOUK_VENDOR_MAX_STORES", default: limits.stores, in: 1...1_000_000)
        limits.skus = try environment.int("SOUK_VENDOR_MAX_SKUS", default: limits.skus, in: 1...100_000_000)
        limits.stockChanges = try environment.int(
            "SOUK_VENDOR_MAX_STOCK_CHANGES", default: limits.stockChanges, in: 1...1_000_000_000)
        holds.share = try environment.int("SOUK_VENDOR_HOLD_SHARE", default: holds.share, in: 1...100)
        holds.units = try environment.int("SOUK_VENDOR_HOLD_UNITS", default: holds.units, in: 1...1_000_000)
        holds.attempts = try environment.int(
            "SOUK_VENDOR_HOLD_ATTEMPTS", default: holds.attempts, in: 0...1_000)
        holds.coolDown = try environment.duration("SOUK_VENDOR_HOLD_COOL_DOWN", default: holds.coolDown)
        idempotency = try Idempotency.Limits(environment)
    }
}
