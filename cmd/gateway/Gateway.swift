import SoukComposition
import SoukEnv
import SoukEvents
import SoukEventsRPC
import SoukGateway
import SoukProcess

/// The gateway's executable.
@main
enum Gateway: MarketplaceProcess {
    static let name = "gateway"
    static let abstract = "Serves the one entrance of the marketplace: a proxy in front of all services."

    static func main() async { await ProcessCommand<Self>.main() }

    static func compose(_ process: inout ProcessContext) async throws -> ProcessParts {
        let gateway = try GatewayService(
            environment: process.environment, cache: process.cache, clock: process.clock)
        let proxy = try GatewayProxy(
            environment: process.environment, ports: ProcessPorts.known.mapValues(\.http),
            clock: process.clock)
        for service in proxy.services { process.run(service) }
        var parts = ProcessParts(
            services: [gateway], verifier: try process.tokenKeys(), accounts: try process.accountGuard())
        parts.outer = gateway.middlewares
        parts.inner = [proxy.middleware]
        parts.probes = proxy.probes
        for group in ConsumerGroup.allCases {
            parts.administrations.append(RemoteEventAdministration(try process.peer(group.rawValue)))
        }
        return parts
    }
}
