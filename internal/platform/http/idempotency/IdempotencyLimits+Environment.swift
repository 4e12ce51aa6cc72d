package import SoukEnv

extension Idempotency.Limits {
    /// `SOUK_IDEMPOTENCY_MAX_KEYS` and `SOUK_IDEMPOTENCY_MAX_BYTES`.
    ///
    /// - Throws: `ConfigurationError` naming the variable.
    package init(_ environment: Environment) throws(ConfigurationError) {
        self.init()
        keys = try environment.int("SOUK_IDEMPOTENCY_MAX_KEYS", default: keys, in: 1...10_000_000)
        bytes = try environment.int("SOUK_IDEMPOTENCY_MAX_BYTES", default: bytes, in: (64 << 10)...(1 << 40))
    }
}
