import NIOCore
import SoukText

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
        // check-text: a list of whole origins, not a text
        if origins.contains("*") { return "*" }
        return origins.contains(origin) ? origin : nil
    }

    static let methods = "GET, HEAD, POST, PUT, PATCH, DELETE"
    static let requestHeaders =
        "Authorization, Content-Type, If-Match, Idempotency-Key, Cart-Token, X-Request-Id, Traceparent, Tracestate"
    static let exposedHeaders =
        "ETag, Location, Cart-Token, X-Request-Id, Idempotency-Replayed, RateLimit, RateLimit-Policy, Retry-After"
    static let maxAgeSeconds = 600

    /// What an answer to a request from `origin` says, as field lines.
    func fields(for origin: String) -> ByteBuffer {
        guard let allowed = allowedOrigin(for: origin) else { return Self.vary }
        var lines = Self.allow(allowed)
        lines.writeString("Access-Control-Expose-Headers: \(Self.exposedHeaders)\r\n")
        return lines
    }

    /// What the answer to a preflight says. Without the `Access-Control` fields the browser refuses.
    func preflightFields(for origin: String) -> ByteBuffer {
        guard let allowed = allowedOrigin(for: origin) else { return Self.vary }
        var lines = Self.allow(allowed)
        lines.writeString(
            "Access-Control-Allow-Methods: \(Self.methods)\r\nAccess-Control-Allow-Headers: \(Self.requestHeaders)\r\n"
                + "Access-Control-Max-Age: \(Self.maxAgeSeconds)\r\n")
        return lines
    }

    /// Caches must not hand one origin's answer to another.
    private static let vary = ByteBuffer(string: "Vary: Origin\r\n")

    /// - Parameter origin: `*`, or the request's own, which stands in the policy letter by letter.
    private static func allow(_ origin: String) -> ByteBuffer {
        var lines = ByteBuffer(string: "Access-Control-Allow-Origin: \(origin)\r\n")
        if !origin.equals(bytes: "*") { lines.writeImmutableBuffer(vary) }
        return lines
    }
}
