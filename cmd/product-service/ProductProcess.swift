import SoukMarketplace
import SoukProcess
import SoukServers

/// The product service's executable.
@main
enum ProductProcess: ServiceExecutable {
    static let service = "product"
    static let system = SystemDefinition.marketplace
}
