import ServiceLifecycle
package import SoukAuthToken
package import SoukCache
package import SoukCallContext
package import SoukTime

/// Verifies access tokens with the public keys of the account service, fetched from its JWKS address.
package final class RemoteTokenKeys: TokenVerifier, Service {
    package struct Options: Sendable {
        /// Where the JWK Set is: `http://127.0.0.1:8101/.well-known/jwks.json`.
        package var url: String
        package init(url: String) { self.url = url }
    }

    /// - Parameter cache: Keeps the last good keys for processes that start while the account service is away.
    package init(_ options: Options, cache: (any Cache)?, clock: any WallClock) {}

    package func verify(_ token: String) async throws(TokenError) -> Principal { throw .keysUnavailable("none") }

    /// Whether keys are known, for readiness.
    ///
    /// - Throws: `TokenError.keysUnavailable`.
    package func checkReadiness() async throws(TokenError) {}

    /// Refreshes the keys at an interval until shutdown.
    package func run() async throws {
        try await gracefulShutdown()
    }
}
