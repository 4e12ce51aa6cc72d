package import Hummingbird
import Synchronization
import SoukText

/// Every route there is: for the answer 405, and to hold the API document against.
package final class RouteCatalogue: Sendable {
    /// A method and the template of a path: `GET`, `/api/v1/orders/{id}`.
    package struct Route: Hashable, Sendable, Comparable, CustomStringConvertible {
        package let method: String
        package let path: String

        /// Orders by path, then method.
        package static func < (first: Route, second: Route) -> Bool {
            (first.path, first.method) < (second.path, second.method)
        }

        package var description: String { "\(method) \(path)" }
    }

    private let known = Mutex<[Route: [Segment]]>([:])

    /// An empty catalogue.
    package init() {}

    /// All routes, ordered by path and method, without the HEAD routes that come with GET ones.
    package var routes: [Route] { known.withLock { $0.keys.sorted() } }

    /// Notes a route; again does nothing.
    package func add(method: String, path: String) {
        known.withLock { $0[Route(method: method, path: path)] = Segment.parse(path) }
    }

    /// Notes every route of the router, but for HEAD where there is GET: building the responder adds those.
    package func add(routesOf router: Router<SoukRequestContext>) {
        let routes = router.routes.map { Route(method: $0.method.rawValue, path: $0.path.description) }
        let gets = Set(routes.filter { $0.method == "GET" }.map(\.path))
        for route in routes where route.method != "HEAD" || !gets.contains(route.path) {
            add(method: route.method, path: route.path)
        }
    }

    /// The methods that a concrete path may be called with, ordered; empty when there is no such path.
    ///
    /// Only the most literal of the templates that fit counts, as it is for the router: `/vendors/me` hides
    /// `/vendors/{id}`.
    package func methods(at path: String) -> [String] {
        let parts = path.split(byte: "/")
        let fitting = known.withLock { known in known.filter { Segment.match($0.value, parts) } }
        let ranks = fitting.values.map { $0.map(\.rank) }
        let best = ranks.min { $0.lexicographicallyPrecedes($1) }
        var methods = Set(fitting.lazy.filter { $0.value.map(\.rank) == best }.map(\.key.method))
        // check-text: a set of whole methods, not a text
        if methods.contains("GET") { methods.insert("HEAD") }
        return methods.sorted()
    }

    private enum Segment {
        case literal(String)
        case any
        case rest

        /// The lower, the more literal.
        var rank: Int {
            switch self {
            case .literal: 0
            case .any: 1
            case .rest: 2
            }
        }

        static func parse(_ template: String) -> [Segment] {
            template.split(byte: "/").map { part in
                if part == "**" { return .rest }
                return part.contains(byte: "{") || part.contains(byte: "*") ? .any : .literal(String(part))
            }
        }

        static func match(_ segments: [Segment], _ parts: [Substring]) -> Bool {
            for (index, segment) in segments.enumerated() {
                if case .rest = segment { return true }
                guard index < parts.count else { return false }
                if case .literal(let text) = segment, parts[index] != text { return false }
            }
            return segments.count == parts.count
        }
    }
}
