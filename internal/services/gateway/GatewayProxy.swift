import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
package import ServiceLifecycle
package import SoukEnv
package import SoukHTTP
package import SoukService
package import SoukTime

/// The gateway in front of services that are processes of their own: a reverse proxy over a table of routes.
package final class GatewayProxy: Sendable {
    /// Connections that are kept open to one address of a service; more are opened when they are needed.
    private static let keptConnections = 64

    private let table: RouteTable
    private let upstreams: [Upstream]
    private let client: HTTPClient
    private let clock: any WallClock

    /// Reads `SOUK_GATEWAY_ROUTES` and, for every service that routes lead to, `SOUK_<SERVICE>_HTTP_ADDRESS`.
    ///
    /// - Parameter ports: where a service listens on this machine when its variable is not set.
    /// - Throws: `ConfigurationError` naming the variable.
    package init(
        environment: Environment, ports: [String: Int], clock: any WallClock
    ) throws(ConfigurationError) {
        table = try RouteTable(environment: environment)
        var upstreams: [Upstream] = []
        for name in table.upstreams {
            let service = name.uppercased().replacing("-", with: "_")
            let variable = "SOUK_\(service)_HTTP_ADDRESS"
            guard let port = ports[name] else {
                guard try environment.optionalString(variable) != nil else {
                    throw ConfigurationError(
                        "SOUK_GATEWAY_ROUTES", "leads to \(name), but \(variable) is not set")
                }
                upstreams.append(
                    Upstream(
                        name: name,
                        targets: try environment.hostPorts(variable, default: HostPort(host: name, port: 80)))
                )
                continue
            }
            upstreams.append(
                Upstream(
                    name: name,
                    targets: try environment.hostPorts(
                        variable, default: HostPort(host: "127.0.0.1", port: port))))
        }
        self.upstreams = upstreams
        self.clock = clock
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(1)), decompression: .disabled)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.keptConnections
        // A connection that can't be had is reported at once instead of tried again: another address may be there.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Goes behind all other middlewares.
    package var middleware: SoukMiddleware {
        ProxyMiddleware(
            table: table, upstreams: Dictionary(uniqueKeysWithValues: upstreams.map { ($0.name, $0) }),
            client: client)
    }

    /// What has to run.
    package var services: [any Service] {
        [
            AddressResolution(upstreams: upstreams, clock: clock, logger: Logger(label: "souk.gateway")),
            Connections(client: client),
        ]
    }

    /// Whether each service answers; the gateway itself can do without any of them.
    package var probes: [ReadinessProbe] {
        upstreams.map { [client] upstream in
            ReadinessProbe(upstream.name, isRequired: false) {
                let address = upstream.candidates().first ?? upstream.targets[0]
                let answer = try await client.execute(
                    HTTPClientRequest(url: "http://\(address)/livez"), timeout: .seconds(1))
                guard answer.status == .ok else { throw HTTPClientError.remoteConnectionClosed }
            }
        }
    }

    /// Closes the client's connections at the end.
    private struct Connections: Service, CustomStringConvertible {
        let client: HTTPClient

        var description: String { "connections to services" }

        func run() async throws {
            try? await gracefulShutdown()
            try await client.shutdown()
        }
    }
}
