import SoukCallContext
package import SoukService

extension SystemDefinition {
    /// Refuses definitions that contradict each other.
    ///
    /// - Throws: `StartupError` with the first contradiction.
    package func check() throws(StartupError) {
        try Self.unique("name", services.map(\.name))
        try Self.unique("executable", services.map(\.executable))
        try Self.unique("port", services.flatMap { [$0.ports.http, $0.ports.grpc].compactMap(\.self) })
        try Self.unique("database", services.flatMap(\.databases))
        try Self.unique("route", services.flatMap(\.routes))
        for service in services {
            try Self.unique("kernel of \(service.name)", service.kernels.map { "\($0.key)" })
            for offer in service.kernels where offer.key.service != service.name {
                throw StartupError("\(service.name) offers \(offer.key), which names \(offer.key.service)")
            }
            if service.ports.grpc == nil, service.hasEvents || !service.kernels.isEmpty {
                throw StartupError("\(service.name) has no port for gRPC")
            }
            for key in kernels(calledBy: service) where offer(of: key) == nil {
                throw StartupError("\(service.name) calls \(key), which \(key.service) does not offer")
            }
            if !service.topics.isEmpty, !service.hasEvents {
                throw StartupError("\(service.name) handles events and has no database")
            }
        }
        _ = try compositionOrder(Set(services.map(\.name)))
    }

    private static func unique<Value: Hashable>(_ what: String, _ values: [Value]) throws(StartupError) {
        var seen: Set<Value> = []
        for value in values where !seen.insert(value).inserted {
            throw StartupError("two services have the \(what) \(value)")
        }
    }
}
