import SoukMarketplace
import SoukProcess
import SoukServers

/// The gateway's executable.
@main
enum Gateway: ServiceExecutable {
    static let service = "gateway"
    static let system = SystemDefinition.marketplace
}
