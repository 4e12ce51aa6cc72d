package import ServiceLifecycle
package import SoukEnv
package import SoukEventsRuntime
package import SoukHTTP
package import SoukCache
import SoukService
package import SoukTime

import HTTPTypes
import Hummingbird
import SoukAPI

/// The one entrance: rate limits, CORS and header hygiene in front of every route, and the routes about the API itself.
package final class GatewayService: HostedService {
    package let name = "gateway"
    /// Goes in front of all routes, outermost first.
    package let middlewares: [SoukMiddleware]
    private let clock: any WallClock

    /// Reads `SOUK_GATEWAY_RATE_LIMIT`, `SOUK_GATEWAY_RATE_WINDOW`, `SOUK_RATE_LIMIT_EXEMPT` and
    /// `SOUK_GATEWAY_CORS_ORIGINS`.
    ///
    /// - Parameter cache: Counts the calls of clients for all gateways together; nil where this is the only one.
    package init(
        environment: SoukEnv.Environment, cache: (any Cache)? = nil, clock: any WallClock
    ) throws(ConfigurationError) {
        self.clock = clock
        let quota = try environment.int("SOUK_GATEWAY_RATE_LIMIT", default: 1_200, in: 1...10_000_000)
        let window = try environment.duration("SOUK_GATEWAY_RATE_WINDOW", default: .seconds(60))
        guard window >= .seconds(1) else {
            throw ConfigurationError("SOUK_GATEWAY_RATE_WINDOW", "must be at least 1s")
        }
        middlewares = [
            IdentityHeaderMiddleware(),
            CORSMiddleware(policy: CORSPolicy(origins: try environment.list("SOUK_GATEWAY_CORS_ORIGINS"))),
            RateLimitMiddleware(
                limiter: RateLimiter(RateLimit(quota: quota, window: window), cache: cache, clock: clock),
                exempt: try environment.addressRanges("SOUK_RATE_LIMIT_EXEMPT")),
        ]
    }

    package func prepare() async throws {}

    package func registerRoutes(_ routes: Routes) {
        let clock = clock
        routes.open.get("/api/v1/ping") { _, _ in
            try Reply.ok(PingResponse(message: "pong", time: clock.now()))
        }
        routes.open.get("/openapi.json") { _, _ in
            Response(
                status: .ok,
                headers: [.contentType: "application/json", .cacheControl: "public, max-age=300"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: OpenAPIDocument.json)))
        }
    }

    package var backgroundServices: [any Service] { [] }
    package var events: (any EventAdministration)? { nil }
}

private struct PingResponse: Encodable, Sendable {
    let message: String
    let time: Timestamp
}
