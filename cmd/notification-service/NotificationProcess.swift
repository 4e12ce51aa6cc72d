import SoukAuthGuard
import SoukAuthRPC
import SoukComposition
import SoukNotification
import SoukProcess

/// The notification service's executable.
@main
enum NotificationProcess: MarketplaceProcess {
    static let name = "notification"
    static let abstract = "Tells people what happened: in the app and by e-mail."

    static func main() async { await ProcessCommand<Self>.main() }

    static func compose(_ process: inout ProcessContext) async throws -> ProcessParts {
        let accounts = try process.accountGuard()
        let notification = try NotificationService(
            resources: try process.resources(for: name, guardHandlers: accounts.handlers),
            users: RemoteAuthKernel(try process.peer("auth")), mailDirectory: "mail")
        return ProcessParts(
            services: [notification], verifier: try process.tokenKeys(), accounts: accounts)
    }
}
