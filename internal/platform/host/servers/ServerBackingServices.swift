import GRPCNIOTransportHTTP2Posix
import Logging
import SoukAuthToken
package import SoukBroker
package import SoukCache
package import SoukDatabase
import SoukDatabasePostgres
package import SoukEnv
import SoukGuards
package import SoukProcess
import SoukRPCRuntime
package import SoukService
import SoukSupervisor
import SoukTime

/// PostgreSQL, Redis, and RabbitMQ or Kafka, shared with the other processes of the system.
package struct ServerBackingServices: BackingServices {
    package let cache: (any Cache)?
    package let remote: (any RemoteServices)?
    package let waitsForDependencies = true
    package let probes: [ReadinessProbe]
    package let publicURL: @Sendable () -> String

    private let configuration: ServersConfiguration

    /// Connects to nothing yet.
    ///
    /// - Parameters:
    ///   - service: Who this process is to the others.
    ///   - publicPort: Where clients reach the system on this machine unless `SOUK_PUBLIC_URL` is set.
    /// - Throws: `ConfigurationError` naming the variable.
    package init(
        _ environment: Environment, service: String, publicPort: Int
    ) throws(ConfigurationError) {
        configuration = ServersConfiguration(environment: environment)
        let cache = try configuration.cache()
        self.cache = cache
        probes = [ReadinessProbe("cache", isRequired: false) { try await cache.ping() }]
        remote = try RemoteProcesses(configuration, service: service, cache: cache)
        let url = try environment.baseURL("SOUK_PUBLIC_URL") ?? "http://127.0.0.1:\(publicPort)"
        publicURL = { url }
    }

    package var callbackURL: @Sendable () -> String { publicURL }

    package func database(_ name: String) async throws -> any Database {
        PostgresDatabase.open(try configuration.database(of: name))
    }

    package func broker(groups: [String: Set<String>]) async throws -> any Broker {
        try configuration.broker(groups: groups)
    }

    package func directory(_ name: String) -> String? { nil }

    package func secret(_ name: String) throws -> Secret<String>? { nil }

    package func didStart(_ name: String, _ ready: ServiceHost.Ready) {
        Logger(label: "souk.\(name)").notice(
            "listening",
            metadata: [
                "port": "\(ready.port)", "ops_port": "\(ready.operationsPort.map(String.init) ?? "off")",
            ])
    }

    package func close() async { await cache?.close() }
}

/// The other processes, over gRPC.
private struct RemoteProcesses: RemoteServices {
    let configuration: ServersConfiguration
    let service: String
    let cache: any Cache
    let identity: ServiceIdentity

    init(
        _ configuration: ServersConfiguration, service: String, cache: any Cache
    ) throws(ConfigurationError) {
        self.configuration = configuration
        self.service = service
        self.cache = cache
        identity = try configuration.identity(of: service)
    }

    func peer(_ service: ServiceDefinition) throws -> HTTP2Peer {
        var options = RPCPeerOptions()
        options.tls = try configuration.tls()
        let addresses = try configuration.addresses(of: service.name, port: service.ports.grpc)
        return try HTTP2Peer(
            name: service.name, addresses: addresses, identity: identity, options: options)
    }

    func tokenKeys(of service: ServiceDefinition, clock: any WallClock) throws -> RemoteTokenKeys {
        let url = try configuration.keysURL(port: service.ports.http)
        return RemoteTokenKeys(.init(url: url), cache: cache, clock: clock)
    }

    func server(
        on socket: ListeningSocket, services: [RPCService], verifier: any TokenVerifier,
        accounts: any AccountGuard
    ) throws -> HTTP2Server {
        var options = RPCServerOptions()
        options.reflection = try configuration.environment.bool("SOUK_GRPC_REFLECTION", default: true)
        options.tls = try configuration.tls()
        return HTTP2Server(
            descriptor: socket.descriptor, services: services, options: options,
            identities: try configuration.keyRing(of: service), verifier: verifier, accounts: accounts)
    }

    func checkTrustedProxies() throws { try configuration.checkTrustedProxies() }
}
