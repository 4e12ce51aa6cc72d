/// A system's definition as a document, for scripts: `souk describe --json`.
package struct SystemDescription: Encodable, Sendable {
    package struct Service: Encodable, Sendable {
        package let name: String
        package let executable: String
        let abstract: String
        let ports: Ports
        let databases: [String]
        let routes: [String]
        let peers: [String]
        let callers: [String]
        let topics: [String]
        let events: [String]
        let isEntrance: Bool
    }

    struct Ports: Encodable, Sendable {
        let http: Int
        let grpc: Int?

        /// With null where there is none.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(http, forKey: .http)
            try container.encode(grpc, forKey: .grpc)
        }

        private enum CodingKeys: CodingKey { case http, grpc }
    }

    package let services: [Service]

    package init(_ system: SystemDefinition) {
        services = system.services.map { service in
            Service(
                name: service.name, executable: service.executable, abstract: service.abstract,
                ports: Ports(http: service.ports.http, grpc: service.ports.grpc),
                databases: service.databases, routes: service.routes,
                peers: system.peers(of: service).map(\.name),
                callers: system.services.filter { caller in
                    system.peers(of: caller).contains { $0.name == service.name }
                }.map(\.name),
                topics: service.topics.sorted(), events: service.events,
                isEntrance: service.isEntrance)
        }
    }
}

extension SystemDescription.Service {
    /// The service in a few lines for people.
    package var text: String {
        let ports = ["http \(ports.http)"] + (ports.grpc.map { ["grpc \($0)"] } ?? [])
        let rows = [
            ("executable", [executable]), ("ports", ports), ("databases", databases), ("routes", routes),
            ("calls", peers), ("called by", callers), ("topics", topics), ("events", events),
        ]
        let lines = rows.filter { !$0.1.isEmpty }.map { name, values in
            "  \(name)\(String(repeating: " ", count: 12 - name.utf8.count))\(values.joined(separator: ", "))"
        }
        return (["\(name): \(abstract)"] + lines).joined(separator: "\n")
    }
}
