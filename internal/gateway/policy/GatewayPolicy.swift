package import SoukHTTP

/// Everything that the gateway does with connections and requests, as its policy file says it. Immutable: a reload makes a
/// new one, and requests that run keep the one they began with.
package struct GatewayPolicy: Sendable {
    package var listener = ListenerPolicy()
    /// One client's part of what all share.
    package var budgets = BudgetPolicy()
    /// Peers whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    package var trustedProxies: [AddressRange] = []
    /// Clients that no rate limit counts, and that have no budget.
    package var rateLimitExempt: [AddressRange] = []
    /// A JSON line for every request.
    package var accessLog = true
    /// By name; each route's `upstream` is one of these, or `local`.
    package var upstreams: [String: UpstreamPolicy] = [:]
    /// A route's place in this list is its identity while the policy is in force.
    package var routes: [RoutePolicy] = []

    package init() {}

    /// The name of the upstream that is no network address: the routes of this process itself.
    package static let local = "local"
}

/// How connections are taken.
package struct ListenerPolicy: Sendable, Equatable {
    /// TLS 1.2 and 1.3; nil for cleartext.
    package var tls: TLSPolicy?
    /// HTTP/2: by ALPN with TLS, by prior knowledge (RFC 9113, section 3.3) without.
    package var http2 = true
    /// Connections at one time; more wait in the kernel's queue.
    package var maxConnections = 4_096
    /// How long a client may take to send a whole header.
    package var headerTimeout: Duration = .seconds(10)
    /// How long a connection may be without a request.
    package var idleTimeout: Duration = .seconds(75)
    /// How long a client may take before it sends, or takes, the next part of a body.
    package var bodyTimeout: Duration = .seconds(20)
    /// How long running requests may go on after a shutdown begins.
    package var drainTimeout: Duration = .seconds(10)
    package var maxTargetBytes = 8 << 10
    /// Names and values of all fields.
    package var maxHeaderBytes = 16 << 10
    package var maxHeaderFields = 100
    /// HTTP/2: streams at one time on one connection.
    package var maxConcurrentStreams = 100

    package init() {}
}

/// PEM files; read again when they change.
package struct TLSPolicy: Sendable, Equatable {
    package var certificateFile: String
    package var keyFile: String

    package init(certificateFile: String, keyFile: String) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}

/// A service and where its instances are.
package struct UpstreamPolicy: Sendable, Equatable {
    package var name: String
    /// Names are looked up again and again; each may have several addresses.
    package var targets: [HostPort]
    package var healthCheck: HealthCheckPolicy?
    /// Connections that are kept open without a request, per event loop and address.
    package var idleConnections = 64
    /// How long they are kept.
    package var idleTimeout: Duration = .seconds(30)

    package init(name: String, targets: [HostPort]) {
        self.name = name
        self.targets = targets
    }
}

/// `GET path` at an interval; an address that fails is used only when no other is left.
package struct HealthCheckPolicy: Sendable, Equatable {
    package var path = "/livez"
    package var interval: Duration = .seconds(5)
    package var timeout: Duration = .seconds(1)
    /// Failures in a row that take an address out.
    package var unhealthyAfter = 2
    /// Successes in a row that bring it back.
    package var healthyAfter = 1

    package init() {}
}

/// Which requests, where they go, and what they have to put up with.
package struct RoutePolicy: Sendable {
    /// `/api/v1/products/**`: see ``RouteMatcher``.
    package var pattern: String
    package var upstream: String
    package var timeouts = TimeoutPolicy()
    package var retries = RetryPolicy()
    package var breaker: BreakerPolicy?
    package var concurrency: ConcurrencyPolicy?
    package var maxBodyBytes = 1 << 20
    /// nil for bodies that may take their time, as streams do.
    package var bodyRate: BodyRatePolicy? = BodyRatePolicy()
    package var rateLimits: [RateLimitPolicy] = []
    package var token: TokenPolicy = .ignored
    package var cors = CORSPolicy(origins: [])
    package var compression: CompressionPolicy?

    package init(pattern: String, upstream: String) {
        self.pattern = pattern
        self.upstream = upstream
    }
}

package struct TimeoutPolicy: Sendable, Equatable {
    /// To get a connection.
    package var connect: Duration = .seconds(1)
    /// From the request's end to the answer's header.
    package var firstByte: Duration = .seconds(30)
    /// For the whole exchange; nil for none, as for streams.
    package var total: Duration? = .seconds(60)

    package init() {}
}

/// Requests that may be repeated (RFC 9110, section 9.2.2) and have no body are sent again where no answer came.
package struct RetryPolicy: Sendable, Equatable {
    /// Further attempts; 0 for none.
    package var attempts = 1
    /// Repetitions at most, in percent of the route's requests of the last ten seconds.
    package var budgetPercent = 20
    /// Repetitions per second that are allowed however few requests there are.
    package var budgetFloor = 3

    package init() {}
}

/// Answers 503 by itself while a route's upstream fails.
package struct BreakerPolicy: Sendable, Equatable {
    /// Failures in a row that open it: no connection, no answer in time, 502, 503 without `Retry-After`, 504.
    package var failures = 10
    /// How long it stays open before one request may try.
    package var openFor: Duration = .seconds(2)

    package init() {}
}

/// How many requests of a route run at one time; more wait, then get 503 with `Retry-After`.
package struct ConcurrencyPolicy: Sendable, Equatable {
    package var limit = 512
    package var queue = 512
    package var queueTimeout: Duration = .seconds(1)
    /// Bytes of a body that are read before a slot is taken: a body that is no longer holds none while it arrives.
    package var readAhead = 64 << 10

    package init() {}
}

package struct RateLimitPolicy: Sendable, Equatable {
    package enum Key: String, Sendable, CaseIterable {
        /// The client's address, or its /64 of IPv6.
        case client
        /// The account that a verified token names; requests without one are not counted by this limit.
        case token
        /// As `token`, but vendors only.
        case vendor
    }

    /// As it stands in `RateLimit` fields.
    package var name: String
    package var key: Key
    package var quota: Int
    package var window: Duration
    /// Counted over Redis for all gateways together, or in this process alone.
    package var isShared: Bool

    package init(name: String, key: Key, quota: Int, window: Duration, isShared: Bool) {
        self.name = name
        self.key = key
        self.quota = quota
        self.window = window
        self.isShared = isShared
    }
}

/// What the gateway does with access tokens; services verify them again in any case.
package enum TokenPolicy: String, Sendable, CaseIterable {
    /// Passes them on unread.
    case ignored
    /// Refuses bad ones.
    case verified
    /// Refuses requests without a good one.
    case required
}

/// gzip for clients that take it.
package struct CompressionPolicy: Sendable, Equatable {
    /// Shorter answers stay as they are.
    package var minBytes = 1_024
    /// 1 to 9, as zlib has them.
    package var level = 4
    package var types = [
        "application/json", "application/problem+json", "text/html", "text/plain", "text/css",
    ]

    package init() {}
}
