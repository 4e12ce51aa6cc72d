import SoukMarketplace
import SoukProcess
import SoukServers

/// The payment service's executable.
@main
enum PaymentProcess: ServiceExecutable {
    static let service = "payment"
    static let system = SystemDefinition.marketplace
}
