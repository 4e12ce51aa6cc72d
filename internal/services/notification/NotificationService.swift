package import ServiceLifecycle
package import SoukAuthKernel
package import SoukEventsRuntime
package import SoukHTTP
package import SoukService

import SoukDatabase
import SoukEnv
import SoukTime

/// Tells people what happened: an in-app list and e-mail, one message per event, user and kind.
package final class NotificationService: HostedService {
    package let name: String
    private let resources: ServiceResources
    private let runtime: EventRuntime
    private let store: NotificationStore
    private let handlers: NotificationHandlers
    private let jobs: [PeriodicJob]

    /// - Parameters:
    ///   - users: where names and addresses come from.
    ///   - mailDirectory: where e-mails are written unless `SOUK_MAIL_DIRECTORY` names another folder.
    /// - Throws: `ConfigurationError`, or Mustache's error for a broken template.
    package init(resources: ServiceResources, users: any AuthKernel, mailDirectory: String) throws {
        name = resources.name
        self.resources = resources
        runtime = EventRuntime(
            service: resources.name, database: resources.database, broker: resources.broker,
            clock: resources.clock)
        store = NotificationStore(database: resources.database)
        let environment = resources.environment
        let keep = try environment.duration("SOUK_NOTIFICATION_KEEP", default: .seconds(365 * 86_400))
        let most = try environment.int("SOUK_NOTIFICATION_MAX_PER_USER", default: 10_000, in: 1...10_000_000)
        let sender = EmailMessage.Mailbox(
            name: try environment.string("SOUK_MAIL_FROM_NAME", default: "Souk"),
            address: try environment.string("SOUK_MAIL_FROM", default: "no-reply@souk.example"))
        let mail = MailJob(
            store: store, users: users,
            transport: MailDirectory(
                directory: try environment.string("SOUK_MAIL_DIRECTORY", default: mailDirectory)),
            body: try MailBody(), sender: sender, clock: resources.clock, logger: resources.logger)
        let mailJob = PeriodicJob(name: "notification.mail", every: .seconds(30), clock: resources.clock) {
            try await mail.run()
        }
        handlers = NotificationHandlers(
            store: store, catalogue: try MessageCatalogue(), clock: resources.clock,
            wakeMail: { mailJob.wake() })
        let purge = PeriodicJob(name: "notification.purge", every: .seconds(3_600), clock: resources.clock) {
            [store, clock = resources.clock] in
            while try await store.purge(before: clock.now() - keep) > 0 {}
            while try await store.trim(toNewest: most) > 0 {}
        }
        jobs = [mailJob, purge]
    }

    package func prepare() async throws {
        try await Migrator.migrate(resources.database, NotificationMigrations.all, set: name)
        try await Migrator.migrate(resources.database, EventRuntime.migrations, set: "events")
    }

    package func registerRoutes(_ routes: Routes) {
        NotificationRoutes(store: store, clock: resources.clock).register(on: routes)
    }

    package var backgroundServices: [any Service] {
        runtime.services(handlers: handlers.all + resources.guardHandlers) + jobs
    }

    package var events: (any EventAdministration)? { runtime.administration }
}
