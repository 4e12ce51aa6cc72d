import SoukEventsRuntime
import SoukHTTP
import SoukService
import SoukText

extension ServiceDefinition {
    /// Registers the routes of the service.
    ///
    /// - Throws: `StartupError` where it serves or reads something else than its definition says.
    func register(_ parts: ServiceParts, on web: WebRouter) throws(StartupError) {
        let before = Set(web.catalogue.routes.map(\.path))
        for service in parts.services { service.registerRoutes(web.routes) }
        if !parts.administrations.isEmpty { AdminEventRoutes(parts.administrations).register(on: web.routes) }
        // What accepts connections answers everything that is no service's.
        if parts.frontend == nil {
            try check(paths: Set(web.catalogue.routes.map(\.path)).subtracting(before))
        }
        let read = parts.services.flatMap(\.backgroundServices)
            .compactMap { ($0 as? any TopicReader)?.topics }.reduce(into: Set()) { $0.formUnion($1) }
        guard read == topics else {
            throw StartupError(
                "\(name) reads the topics \(read.sorted()), but by its definition \(topics.sorted())")
        }
    }

    private func check(paths: Set<String>) throws(StartupError) {
        let patterns = routes.map { (text: $0, segments: Self.segments($0)) }
        for path in paths.sorted() {
            let segments = Self.segments(path)
            guard patterns.contains(where: { Self.covers($0.segments, segments) }) else {
                throw StartupError("\(name) serves \(path), which no route of its definition leads to")
            }
        }
        for pattern in patterns
        where !paths.contains(where: { Self.covers(pattern.segments, Self.segments($0)) }) {
            throw StartupError("\(name) serves nothing under \(pattern.text), a route of its definition")
        }
    }

    private static func segments(_ path: String) -> [Substring] { path.split(byte: "/") }

    /// Whether every path of the template belongs to the pattern: `/a/**` covers `/a` and `/a/{id}`.
    private static func covers(_ pattern: [Substring], _ template: [Substring]) -> Bool {
        for (index, segment) in pattern.enumerated() {
            if segment == "**" { return true }
            guard index < template.count else { return false }
            let isParameter = segment.hasPrefix(bytes: "{") && template[index].hasPrefix(bytes: "{")
            guard segment == template[index] || isParameter else { return false }
        }
        return pattern.count == template.count
    }
}
