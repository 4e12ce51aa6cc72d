package import SoukAuthToken
package import SoukEventsRuntime
package import SoukRPCRuntime
package import SoukService

/// A service as a process of its own: what it is called, where it listens, and what it is put together from.
package protocol ProcessDefinition: Sendable {
    /// The service's name: `order`. Names its variables, its identity and its consumer group.
    static var name: String { get }
    /// One sentence for `--help`.
    static var abstract: String { get }
    /// Every consumer group of the system and its topics, for brokers that keep nothing for a group they don't know.
    static var groups: [String: Set<String>] { get }

    /// Puts the service together; touches neither network nor disk beyond reading configured files.
    ///
    /// - Throws: `ConfigurationError` naming the variable.
    static func compose(_ process: inout ProcessContext) async throws -> ProcessParts
}

/// Where a process listens unless it is told otherwise.
package struct ProcessPorts: Sendable {
    package let http: Int
    /// nil for one that serves no gRPC.
    package let grpc: Int?

    package init(http: Int, grpc: Int?) {
        self.http = http
        self.grpc = grpc
    }

    /// Where the services of a marketplace listen on a machine that runs them all, by name.
    package static let known: [String: ProcessPorts] = [
        "gateway": ProcessPorts(http: 8080, grpc: nil),
        "auth": ProcessPorts(http: 8101, grpc: 9101),
        "product": ProcessPorts(http: 8102, grpc: 9102),
        "vendor": ProcessPorts(http: 8103, grpc: 9103),
        "order": ProcessPorts(http: 8104, grpc: 9104),
        "payment": ProcessPorts(http: 8105, grpc: 9105),
        "notification": ProcessPorts(http: 8109, grpc: 9109),
    ]
}

extension ProcessDefinition {
    static var ports: ProcessPorts {
        guard let ports = ProcessPorts.known[name] else { preconditionFailure("\(name) has no ports") }
        return ports
    }
}

/// What a process is made of.
package struct ProcessParts: Sendable {
    package var services: [any HostedService]
    /// Served over gRPC, besides health, reflection and the administration of the services' events.
    package var rpc: [RPCService]
    /// Verifies access tokens.
    package var verifier: any TokenVerifier
    /// Refuses callers whose session has ended; nil for a process that serves no users.
    package var accounts: (any AccountGuard)?
    /// What takes connections; nil for a plain HTTP/1.1 server.
    package var frontend: (any HTTPFrontend)?
    package var probes: [ReadinessProbe] = []
    /// For routes that look after events of other processes.
    package var administrations: [any EventAdministration] = []

    package init(
        services: [any HostedService], rpc: [RPCService] = [], verifier: any TokenVerifier,
        accounts: (any AccountGuard)?
    ) {
        self.services = services
        self.rpc = rpc
        self.verifier = verifier
        self.accounts = accounts
    }
}
