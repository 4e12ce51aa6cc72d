import SoukMarketplace
import SoukProcess
import SoukServers

/// The vendor service's executable.
@main
enum VendorProcess: ServiceExecutable {
    static let service = "vendor"
    static let system = SystemDefinition.marketplace
}
