package import GRPCNIOTransportHTTP2Posix
package import ServiceLifecycle
import SoukBroker
package import SoukCache
import SoukDatabasePostgres
package import SoukEnv
package import SoukEventsRuntime
package import SoukGuards
package import SoukRPCRuntime
package import SoukService
package import SoukTime

/// What a process can be put together from. Nothing of it needs the network yet: servers that are away are waited for.
package struct ProcessContext {
    /// The process's service: `order`.
    package let name: String
    package let environment: Environment
    package let clock: any WallClock = SystemClock()
    /// Shared by all processes.
    package let cache: any Cache

    let configuration: ProcessConfiguration
    /// What the services of this process live on, as handed out.
    private(set) var resources: [ServiceResources] = []
    /// Clients of peers and what else was handed out and has to run.
    private(set) var connections: [any Service] = []
    private(set) var probes: [ReadinessProbe] = []
    private let identity: ServiceIdentity
    private let groups: [String: Set<String>]
    private var broker: (any Broker)?

    init(name: String, environment: Environment, groups: [String: Set<String>]) throws(ConfigurationError) {
        self.name = name
        self.environment = environment
        self.groups = groups
        configuration = ProcessConfiguration(environment: environment)
        identity = try configuration.identity(of: name)
        let cache = try configuration.cache()
        self.cache = cache
        probes = [ReadinessProbe("cache", isRequired: false) { try await cache.ping() }]
    }

    /// A database and the broker for a service of this process.
    ///
    /// - Throws: `ConfigurationError`.
    package mutating func resources(
        for service: String, guardHandlers: [EventHandler] = []
    ) throws(ConfigurationError) -> ServiceResources {
        let database = PostgresDatabase.open(try configuration.database(of: service))
        let shared: any Broker
        if let broker { shared = broker } else { shared = try configuration.broker(groups: groups) }
        broker = shared
        let resources = ServiceResources(
            name: service, database: database, broker: shared, clock: clock, environment: environment,
            guardHandlers: guardHandlers)
        self.resources.append(resources)
        return resources
    }

    /// The client of another service.
    ///
    /// - Throws: `ConfigurationError`.
    package mutating func peer(
        _ peer: String
    ) throws(ConfigurationError) -> RPCPeer<HTTP2ClientTransport.Posix> {
        var options = RPCPeerOptions()
        options.tls = try configuration.tls()
        let client = try RPCPeer(
            name: peer, addresses: try configuration.addresses(of: peer), identity: identity, options: options
        )
        connections.append(client)
        return client
    }

    /// The keys that the auth service signs access tokens with.
    ///
    /// - Throws: `ConfigurationError`.
    package mutating func tokenKeys() throws(ConfigurationError) -> RemoteTokenKeys {
        let keys = RemoteTokenKeys(.init(url: try configuration.keysURL()), cache: cache, clock: clock)
        connections.append(keys)
        probes.append(ReadinessProbe("auth.keys", isRequired: false) { try await keys.checkReadiness() })
        return keys
    }

    /// Something that has to run as long as the process does.
    package mutating func run(_ service: any Service) {
        connections.append(service)
    }
}
