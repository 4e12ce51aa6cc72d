package import SoukEnv

/// Which service answers which paths.
///
/// A pattern is a path whose segments stand for themselves or, in braces (`{token}`), for any one; `/**` at its end
/// stands for nothing or any more segments. Of several that match, the one with the most segments wins.
package struct RouteTable: Sendable {
    /// A pattern and the service behind it.
    package struct Route: Sendable, Hashable {
        package let pattern: String
        package let upstream: String
        fileprivate let segments: [Substring]
        fileprivate let isOpen: Bool

        init?(pattern: String, upstream: String) {
            guard pattern.hasPrefix("/"), !upstream.isEmpty else { return nil }
            var segments = pattern.split(separator: "/")
            isOpen = segments.last == "**"
            if isOpen { segments.removeLast() }
            guard !segments.isEmpty, !segments.contains(where: { $0.contains("*") }) else { return nil }
            self.pattern = pattern
            self.upstream = upstream
            self.segments = segments
        }

        fileprivate func matches(_ path: [Substring]) -> Bool {
            guard isOpen ? path.count >= segments.count : path.count == segments.count else { return false }
            return zip(segments, path).allSatisfy { $0 == $1 || $0.first == "{" }
        }
    }

    /// The longest pattern first.
    package let routes: [Route]

    private init(_ routes: [Route]) {
        self.routes = routes.sorted { ($0.segments.count, $1.pattern) > ($1.segments.count, $0.pattern) }
    }

    /// `SOUK_GATEWAY_ROUTES`: comma-separated `pattern=service`, in addition to the marketplace's own and before them
    /// where the pattern is the same.
    ///
    /// - Throws: `ConfigurationError` quoting the first entry that is none.
    package init(environment: Environment) throws(ConfigurationError) {
        let name = "SOUK_GATEWAY_ROUTES"
        var routes: [String: Route] = [:]
        for (pattern, upstream) in Self.marketplace {
            routes[pattern] = Route(pattern: pattern, upstream: upstream)
        }
        for entry in try environment.list(name) {
            let parts = entry.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, let route = Route(pattern: parts[0], upstream: parts[1]) else {
                throw ConfigurationError(name, "'\(entry)' is not of the form /api/v1/things/**=service")
            }
            routes[route.pattern] = route
        }
        self.init(Array(routes.values))
    }

    /// The services that routes lead to, sorted.
    package var upstreams: [String] { Set(routes.map(\.upstream)).sorted() }

    /// The route of a path as it stands in the request, without its query.
    package func route(of path: String) -> Route? {
        let segments = path.split(separator: "/")
        return routes.first { $0.matches(segments) }
    }

    /// Every path that a service of the marketplace answers.
    private static let marketplace: KeyValuePairs = [
        "/.well-known/jwks.json": "auth",
        "/api/v1/auth/**": "auth",
        "/api/v1/users/**": "auth",
        "/api/v1/admin/users/**": "auth",
        "/api/v1/categories/**": "product",
        "/api/v1/products/**": "product",
        "/api/v1/vendor/products/**": "product",
        "/api/v1/admin/categories/**": "product",
        "/api/v1/vendors/**": "vendor",
        "/api/v1/stores/**": "vendor",
        "/api/v1/vendor-orders/**": "vendor",
        "/api/v1/returns/**": "vendor",
        "/api/v1/admin/vendors/**": "vendor",
        "/api/v1/admin/vendor-orders/**": "vendor",
        "/api/v1/admin/inventory/**": "vendor",
        "/api/v1/cart/**": "order",
        "/api/v1/checkout/**": "order",
        "/api/v1/orders/**": "order",
        "/api/v1/admin/orders/**": "order",
        "/api/v1/admin/reconcile/**": "order",
        "/api/v1/payments/**": "payment",
        "/api/v1/ledger/**": "payment",
        "/api/v1/admin/payments/**": "payment",
        "/api/v1/admin/ledger/**": "payment",
        "/api/v1/admin/commissions/**": "payment",
        "/sandbox/pay/{token}": "payment",
        "/api/v1/notifications/**": "notification",
    ]
}
