import SoukMarketplace
import SoukProcess
import SoukServers

/// The notification service's executable.
@main
enum NotificationProcess: ServiceExecutable {
    static let service = "notification"
    static let system = SystemDefinition.marketplace
}
