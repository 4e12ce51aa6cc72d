import SoukMarketplace
import SoukProcess
import SoukServers

/// The auth service's executable.
@main
enum AuthProcess: ServiceExecutable {
    static let service = "auth"
    static let system = SystemDefinition.marketplace
}
