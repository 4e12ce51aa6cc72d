/// Which origins' pages may read answers, per the Fetch Standard's CORS protocol. Credentials are never allowed:
/// tokens travel in `Authorization`, which a page must set itself.
package struct CORSPolicy: Sendable {
    /// Origins such as `https://shop.example`, compared exactly; `*` stands for all.
    private let origins: Set<String>

    /// - Parameter origins: empty refuses every other origin.
    package init(origins: [String]) {
        self.origins = Set(origins)
    }

    /// The value of `Access-Control-Allow-Origin` for a request from `origin`; nil if its pages may not read it.
    func allowedOrigin(for origin: String) -> String? {
        if origins.contains("*") { return "*" }
        return origins.contains(origin) ? origin : nil
    }

    static let methods = "GET, HEAD, POST, PUT, PATCH, DELETE"
    static let requestHeaders =
        "Authorization, Content-Type, If-Match, Idempotency-Key, Cart-Token, X-Request-Id, Traceparent, Tracestate"
    static let exposedHeaders =
        "ETag, Location, Cart-Token, X-Request-Id, Idempotency-Replayed, RateLimit, RateLimit-Policy, Retry-After"
    static let maxAgeSeconds = 600
}
