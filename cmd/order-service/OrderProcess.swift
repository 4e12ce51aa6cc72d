import SoukMarketplace
import SoukProcess
import SoukServers

/// The order service's executable.
@main
enum OrderProcess: ServiceExecutable {
    static let service = "order"
    static let system = SystemDefinition.marketplace
}
