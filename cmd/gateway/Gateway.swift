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
        let keys = try process.tokenKeys()
        let frontend = try GatewayFrontend(
            environment: process.environment, ports: ProcessPorts.known.mapValues(\.http), verifier: keys,
            cache: process.cache, clock: process.clock)
        var parts = ProcessParts(
            services: [GatewayService(clock: process.clock)], verifier: keys,
            accounts: try process.accountGuard())
        parts.frontend = frontend
        parts.probes = frontend.probes
        for group in ConsumerGroup.allCases {
            parts.administrations.append(RemoteEventAdministration(try process.peer(group.rawValue)))
        }
        return parts
    }
}
