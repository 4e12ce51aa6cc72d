package import SoukAuthToken
package import SoukBroker
package import SoukCache
package import SoukDatabase
package import SoukEnv
package import SoukGuards
package import SoukRPCRuntime
package import SoukService
package import SoukSupervisor
package import SoukTime

/// What the services of a process run on: servers on the network, or files that belong to the process.
package protocol BackingServices: Sendable {
    /// Shared by all processes; nil where this is the only one.
    var cache: (any Cache)? { get }
    /// The other processes of the system; nil where this is the only one.
    var remote: (any RemoteServices)? { get }
    /// Whether databases and brokers may be unavailable when the process starts. It answers 503 until they are there.
    var waitsForDependencies: Bool { get }
    var probes: [ReadinessProbe] { get }
    /// How clients reach the system; the port may be known only when it listens.
    var publicURL: @Sendable () -> String { get }
    /// How other programs on this machine or network reach it.
    var callbackURL: @Sendable () -> String { get }

    /// A database that belongs to a service of this process.
    func database(_ name: String) async throws -> any Database
    /// The broker of the process.
    ///
    /// - Parameter groups: Every consumer group of the system and its topics.
    func broker(groups: [String: Set<String>]) async throws -> any Broker
    /// A directory of the process, by its name; nil where a variable has to name one.
    func directory(_ name: String) -> String?
    /// A secret of the process, created on first use; nil where a variable has to give one.
    func secret(_ name: String) throws -> Secret<String>?
    /// The process answers requests.
    func didStart(_ name: String, _ ready: ServiceHost.Ready)
    /// Closes what is not a database or a broker.
    func close() async
}

/// The services of other processes, and how this process serves them.
package protocol RemoteServices: Sendable {
    /// A client of a service.
    ///
    /// - Throws: `ConfigurationError`.
    func peer(_ service: ServiceDefinition) throws -> HTTP2Peer
    /// The keys that access tokens are signed with, from the service that signs them.
    ///
    /// - Throws: `ConfigurationError`.
    func tokenKeys(of service: ServiceDefinition, clock: any WallClock) throws -> RemoteTokenKeys
    /// A server for other processes.
    ///
    /// - Throws: `ConfigurationError`.
    func server(
        on socket: ListeningSocket, services: [RPCService], verifier: any TokenVerifier,
        accounts: any AccountGuard
    ) throws -> HTTP2Server
    /// Refuses a process that would take its gateways for clients.
    ///
    /// - Throws: `ConfigurationError`.
    func checkTrustedProxies() throws
}
