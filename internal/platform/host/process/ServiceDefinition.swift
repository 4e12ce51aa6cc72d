package import SoukCallContext
package import SoukEventsRuntime

/// What others have to know of a service before it runs. Each service has one definition, and everything that lists services
/// is derived from those: routes, consumer groups, access lists, addresses, databases, documentation.
package struct ServiceDefinition: Sendable {
    /// Lower-case and short: `order`. Names its variables, its identity and its consumer group.
    package let name: String
    /// The executable of a process that runs this service alone: `order-service`.
    package let executable: String
    /// One sentence for `--help`.
    package let abstract: String
    /// Where its process listens unless it is configured otherwise.
    package let ports: ServicePorts
    /// The databases that belong to it; the first is its own, others those of services that it hosts.
    package let databases: [String]
    /// The paths that the gateway passes to it, as patterns: `/api/v1/orders/**`.
    package let routes: [String]
    /// What it offers its peers.
    package let kernels: [KernelOffer]
    /// The kernels of peers that it calls. No other is given to it, and no other service may call theirs.
    package let peers: [any KernelKey.Type]
    /// The topics that it reads, as its handlers say.
    package let topics: Set<String>
    /// The CloudEvents types that it handles, sorted.
    package let events: [String]
    /// Whether clients connect to it: it passes their requests to the others, and administers the events of the others on
    /// behalf of administrators.
    package let isEntrance: Bool
    let compose: @Sendable (inout Composition) async throws -> ServiceParts

    /// - Parameters:
    ///   - executable: `<name>-service` unless given.
    ///   - databases: One of the service's name unless given.
    ///   - handles: The events that it handles.
    ///   - compose: Makes the service; reads the configuration and connects to nothing. It throws `ConfigurationError`
    ///     naming the variable.
    package init(
        name: String, executable: String? = nil, abstract: String, ports: ServicePorts,
        databases: [String]? = nil, routes: [String] = [], kernels: [KernelOffer] = [],
        peers: [any KernelKey.Type] = [],
        handles interests: Set<EventInterest> = [], isEntrance: Bool = false,
        compose: @escaping @Sendable (inout Composition) async throws -> ServiceParts
    ) {
        self.name = name
        self.executable = executable ?? "\(name)-service"
        self.abstract = abstract
        self.ports = ports
        self.databases = databases ?? [name]
        self.routes = routes
        self.kernels = kernels
        self.peers = peers
        topics = Set(interests.map(\.topic))
        events = Set(interests.map(\.type)).sorted()
        self.isEntrance = isEntrance
        self.compose = compose
    }

    /// Whether it has an outbox and an inbox: every service with a database has.
    package var hasEvents: Bool { !databases.isEmpty }
}

/// Where a process listens unless it is configured otherwise.
package struct ServicePorts: Sendable, Hashable {
    package let http: Int
    /// nil for a service that serves no gRPC.
    package let grpc: Int?

    package init(http: Int, grpc: Int?) {
        self.http = http
        self.grpc = grpc
    }
}
