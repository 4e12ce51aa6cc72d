import SoukAuthGuard
import SoukAuthRPC
import SoukComposition
import SoukEnv
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
        let auth = try process.peer("auth")
        let publicURL = try process.environment.baseURL("SOUK_PUBLIC_URL") ?? "http://127.0.0.1:8080"
        let notification = try NotificationService(
            resources: try process.resources(for: name, guardHandlers: accounts.handlers),
            users: RemoteAuthKernel(auth), accountMails: RemoteAccountMailKernel(auth),
            publicURL: { publicURL }, mailDirectory: "mail")
        return ProcessParts(
            services: [notification], verifier: try process.tokenKeys(), accounts: accounts)
    }
}
