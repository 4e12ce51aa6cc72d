import SoukAuthKernel
import SoukEventsRuntime
package import SoukProcess

extension NotificationService {
    package static let definition = ServiceDefinition(
        name: "notification", abstract: "Tells people what happened: in the app and by e-mail.",
        ports: ServicePorts(http: 8109, grpc: 9109), routes: ["/api/v1/notifications/**"],
        peers: [AuthKernelKey.self, AccountMailKernelKey.self], handles: NotificationHandlers.events.interests
    ) { composition in
        ServiceParts([
            try NotificationService(
                resources: try await composition.resources(),
                users: try composition.kernel(AuthKernelKey.self),
                accountMails: try composition.kernel(AccountMailKernelKey.self),
                publicURL: composition.publicURL,
                mailDirectory: try composition.directory(
                    "SOUK_MAIL_DIRECTORY", named: "mail", default: "mail"))
        ])
    }
}
