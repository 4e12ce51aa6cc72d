import SoukEnv
import SoukText

/// A service of the marketplace as the gateway sees it.
package struct RoutedService: Sendable {
    let name: String
    /// Where it listens on this machine when its variable is not set.
    let port: Int
    /// The patterns of the paths that lead to it.
    let routes: [String]
    /// Whether this process serves it itself.
    let isLocal: Bool

    package init(name: String, port: Int, routes: [String], isLocal: Bool) {
        self.name = name
        self.port = port
        self.routes = routes
        self.isLocal = isLocal
    }
}

/// Every path that a service of the marketplace answers, and further ones that the environment names.
struct MarketplaceRoutes: Sendable {
    /// A pattern and the name of the service behind it.
    struct Entry: Sendable, Hashable {
        let pattern: String
        let service: String
    }

    /// No two for the same paths.
    let entries: [Entry]

    /// The routes of the services, and `SOUK_GATEWAY_ROUTES`: comma-separated `pattern=service`, in addition to the marketplace's own and in place of them
    /// where they stand for the same paths. The last for the same paths is in force.
    ///
    /// - Throws: `ConfigurationError` quoting the first entry that is none.
    init(_ services: [RoutedService], _ environment: Environment) throws(ConfigurationError) {
        let name = "SOUK_GATEWAY_ROUTES"
        var entries = services.flatMap { service in
            service.routes.map { Entry(pattern: $0, service: service.name) }
        }
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
}
