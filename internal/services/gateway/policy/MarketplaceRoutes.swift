import SoukEnv
import SoukText

/// Every path that a service of the marketplace answers, and further ones that the environment names.
struct MarketplaceRoutes: Sendable {
    /// A pattern and the name of the service behind it.
    struct Entry: Sendable, Hashable {
        let pattern: String
        let service: String
    }

    /// No two for the same paths.
    let entries: [Entry]

    /// `SOUK_GATEWAY_ROUTES`: comma-separated `pattern=service`, in addition to the marketplace's own and in place of them
    /// where they stand for the same paths. The last for the same paths is in force.
    ///
    /// - Throws: `ConfigurationError` quoting the first entry that is none.
    init(environment: Environment) throws(ConfigurationError) {
        let name = "SOUK_GATEWAY_ROUTES"
        var entries = Self.own.map { Entry(pattern: $0, service: $1) }
        for text in try environment.list(name) {
            let parts = text.split(byte: "=", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[1].isEmpty else {
                throw ConfigurationError(name, "'\(text)' is not of the form /api/v1/things/**=service")
            }
            let pattern: RoutePattern
            do { pattern = try RoutePattern(parts[0]) } catch {
                throw ConfigurationError(name, "'\(parts[0])' \(error)")
            }
            guard !pattern.segments.isEmpty else {
                throw ConfigurationError(name, "'\(parts[0])' stands for the gateway's own paths, too")
            }
            entries.removeAll { (try? RoutePattern($0.pattern)) == pattern }
            entries.append(Entry(pattern: parts[0], service: parts[1]))
        }
        self.entries = entries
    }

    /// The services that routes lead to, sorted.
    var services: [String] { Set(entries.map(\.service)).sorted() }

    /// The marketplace's own services.
    static let ownServices = Set(own.map(\.value))

    private static let own: KeyValuePairs = [
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
