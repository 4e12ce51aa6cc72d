import ServiceLifecycle
package import SoukAuthToken
import SoukBroker
package import SoukCache
package import SoukCallContext
package import SoukEnv
import SoukEventsRPC
package import SoukEventsRuntime
package import SoukGuards
import SoukRPCRuntime
package import SoukService
package import SoukTime

/// The services of a process while they are put together, each after those that it calls.
///
/// A service gets from it what it runs on and the kernels of its peers: local ones of services in this process, clients of
/// the others. Nothing is connected yet.
package struct Composition {
    package let environment: Environment
    package let clock: any WallClock = SystemClock()
    package let system: SystemDefinition
    /// The names of the services in this process.
    package let hosted: Set<String>

    let backing: any BackingServices
    /// What was handed out, in that order.
    private(set) var resources: [ServiceResources] = []
    /// Clients of peers and whatever else has to run.
    private(set) var connections: [any Service] = []
    private(set) var probes: [ReadinessProbe]
    private(set) var composed: [(definition: ServiceDefinition, parts: ServiceParts)] = []
    /// The service that is composed now.
    private var current: ServiceDefinition?
    private var kernels: [ObjectIdentifier: any Sendable] = [:]
    private var clients: [String: HTTP2Peer] = [:]
    private var broker: (any Broker)?
    private var keys: (any TokenVerifier)?
    private var accountGuard: ActiveAccountGuard?

    init(
        _ system: SystemDefinition, hosting names: Set<String>, on backing: any BackingServices,
        _ environment: Environment
    ) {
        self.system = system
        self.environment = environment
        self.backing = backing
        hosted = names
        probes = backing.probes
    }

    mutating func compose() async throws {
        for definition in try system.compositionOrder(hosted) {
            current = definition
            let parts = try await definition.compose(&self)
            for offer in definition.kernels where kernels[ObjectIdentifier(offer.key)] == nil {
                throw StartupError(
                    "\(definition.name) does not offer \(offer.key), though its definition does")
            }
            composed.append((definition, parts))
            // Every process checks sessions, also one whose services have no use for the guard themselves.
            _ = try accounts()
        }
        current = nil
    }
}

// MARK: - What a service runs on

extension Composition {
    /// Shared by all processes; nil where this is the only one.
    package var cache: (any Cache)? { backing.cache }
    /// How clients reach the system; asked whenever it is needed.
    package var publicURL: @Sendable () -> String { backing.publicURL }
    /// How other programs on this machine or network reach it.
    package var callbackURL: @Sendable () -> String { backing.callbackURL }

    /// A database and the broker.
    ///
    /// - Parameter database: One of the service's definition; its own unless given.
    /// - Throws: `ConfigurationError`, `StartupError`.
    package mutating func resources(_ database: String? = nil) async throws -> ServiceResources {
        let definition = try composing()
        let name = database ?? definition.name
        guard definition.databases.contains(name) else {
            throw StartupError(
                "\(definition.name) asks for the database \(name), which its definition does not name")
        }
        let resources = ServiceResources(
            name: name, database: try await backing.database(name), broker: try await sharedBroker(),
            clock: clock, environment: environment)
        self.resources.append(resources)
        return resources
    }

    /// The directory that the variable names; otherwise one in the process's own, or `default`.
    ///
    /// - Throws: `ConfigurationError` when there is none.
    package func directory(
        _ variable: String, named name: String, default: String? = nil
    ) throws(ConfigurationError) -> String {
        guard let other = backing.directory(name) ?? `default` else {
            return try environment.string(variable)
        }
        return try environment.string(variable, default: other)
    }

    /// A secret of the process, created on first use; nil where a variable has to give one.
    package func secret(_ name: String) throws -> Secret<String>? { try backing.secret(name) }

    private mutating func sharedBroker() async throws -> any Broker {
        if let broker { return broker }
        let opened = try await backing.broker(groups: system.groups)
        broker = opened
        return opened
    }

    private func composing() throws(StartupError) -> ServiceDefinition {
        guard let current else { throw StartupError("no service is composed now") }
        return current
    }
}

// MARK: - Peers

extension Composition {
    /// The kernel of a peer that the definition names.
    ///
    /// - Throws: `StartupError` for any other, `ConfigurationError`.
    package mutating func kernel<Key: KernelKey>(_ key: Key.Type) throws -> Key.Kernel {
        let caller = try composing()
        guard system.kernels(calledBy: caller).contains(where: { $0 == key }) || key.service == caller.name
        else { throw StartupError("\(caller.name) calls \(key), which its definition does not name") }
        guard let kernel = try anyKernel(key) as? Key.Kernel else {
            throw StartupError("\(key.service) offers something else than \(key) names")
        }
        return kernel
    }

    /// Offers a kernel of the service that is composed.
    package mutating func offer<Key: KernelKey>(_ kernel: Key.Kernel, as key: Key.Type) {
        kernels[ObjectIdentifier(key)] = kernel
    }

    /// The events of all services of the system, in its order, for the entrance.
    ///
    /// - Throws: `StartupError` for any other service, `ConfigurationError`.
    package mutating func eventAdministrations() throws -> [any EventAdministration] {
        let caller = try composing()
        guard caller.isEntrance else {
            throw StartupError("\(caller.name) is not the entrance, by its definition")
        }
        var administrations: [any EventAdministration] = []
        for service in system.services where service.hasEvents {
            if hosted.contains(service.name) {
                administrations += composed.filter { $0.definition.name == service.name }
                    .flatMap { $0.parts.services.compactMap(\.events) }
            } else {
                administrations.append(RemoteEventAdministration(try client(of: service)))
            }
        }
        return administrations
    }

    private mutating func anyKernel(_ key: any KernelKey.Type) throws -> any Sendable {
        if let local = kernels[ObjectIdentifier(key)] { return local }
        guard let offer = system.offer(of: key), !hosted.contains(key.service) else {
            throw StartupError("\(key.service) does not offer \(key)")
        }
        return offer.client(try client(of: try system.service(key.service)))
    }

    private mutating func client(of service: ServiceDefinition) throws -> HTTP2Peer {
        if let client = clients[service.name] { return client }
        let client = try remote(service).peer(service)
        clients[service.name] = client
        connections.append(client)
        return client
    }

    private func remote(_ service: ServiceDefinition) throws(StartupError) -> any RemoteServices {
        guard let remote = backing.remote else {
            throw StartupError("\(service.name) does not run in this process, and there is no other")
        }
        return remote
    }

    /// The kernel of a service in this process.
    func local(_ key: any KernelKey.Type) -> (any Sendable)? { kernels[ObjectIdentifier(key)] }
}

// MARK: - Callers

extension Composition {
    /// Has tokens verified with these keys, in place of those of another process.
    package mutating func verifyTokens(with keys: any TokenVerifier) { self.keys = keys }

    /// Verifies access tokens.
    ///
    /// - Throws: `ConfigurationError`.
    package mutating func tokenVerifier() throws -> any TokenVerifier {
        if let keys { return keys }
        let signer = try system.service(system.accounts.kernel.service)
        let remote = try remote(signer).tokenKeys(of: signer, clock: clock)
        connections.append(remote)
        probes.append(
            ReadinessProbe("\(signer.name).keys", isRequired: false) { try await remote.checkReadiness() })
        keys = remote
        return remote
    }

    /// Refuses callers whose session has ended.
    ///
    /// - Throws: `ConfigurationError`.
    package mutating func accounts() throws -> ActiveAccountGuard {
        if let accountGuard { return accountGuard }
        let made = try system.accounts.compose(&self)
        if cache != nil { connections.append(made) }
        accountGuard = made
        return made
    }
}
