import SoukEnv
import SoukHTTP
import SoukIdempotency
import SoukService

/// What can be set from outside.
struct ProductConfiguration: Sendable {
    /// Products of one vendor, drafts and archived ones among them.
    var maximumProducts = 50_000
    var idempotency = Idempotency.Limits()

    init() {}

    /// - Throws: `ConfigurationError` naming the variable.
    init(_ environment: Environment) throws(ConfigurationError) {
        maximumProducts = try environment.int(
            "SOUK_PRODUCT_MAX_PER_VENDOR", default: maximumProducts, in: 1...100_000_000)
        idempotency = try Idempotency.Limits(environment)
    }
}
