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
    private let transport: MailDirectory
    private let store: NotificationStore
    private let handlers: NotificationHandlers
    private let jobs: [PeriodicJob]

    /// Longer than an event that comes again is recognised, and than any request is good for.
    private static let accountMailsKept = Duration.seconds(31 * 86_400)

    /// - Parameters:
    ///   - users: where names and addresses come from.
    ///   - accountMails: where the content of mails about accounts comes from.
    ///   - publicURL: where clients reach the marketplace; links in mails begin with it unless `SOUK_FRONTEND_URL` is set.
    ///   - mailDirectory: where e-mails are written.
    /// - Throws: `ConfigurationError`, or Mustache's error for a broken template.
    package init(
        resources: ServiceResources, users: any AuthKernel, accountMails: any AccountMailKernel,
        publicURL: @escaping @Sendable () -> String, mailDirectory: String
    ) throws {
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
        transport = MailDirectory(directory: mailDirectory)
        let mail = MailJob(
            store: store, users: users, transport: transport, body: try MailBody(), sender: sender,
            clock: resources.clock, logger: resources.logger)
        let frontendURL = try environment.baseURL("SOUK_FRONTEND_URL")
        let accountMail = AccountMailJob(
            store: store, mails: accountMails, transport: transport,
            body: try AccountMailBody(market: sender.name, frontendURL: { frontendURL ?? publicURL() }),
            sender: sender, clock: resources.clock, logger: resources.logger)
        let mailJob = PeriodicJob(name: "notification.mail", every: .seconds(30), clock: resources.clock) {
            try await mail.run()
        }
        let accountMailJob = PeriodicJob(
            name: "notification.account_mail", every: .seconds(30), clock: resources.clock
        ) {
            try await accountMail.run()
        }
        handlers = NotificationHandlers(
            store: store, catalogue: try MessageCatalogue(), clock: resources.clock,
            wakeMail: { mailJob.wake() }, wakeAccountMail: { accountMailJob.wake() })
        let purge = PeriodicJob(name: "notification.purge", every: .seconds(3_600), clock: resources.clock) {
            [store, clock = resources.clock] in
            while try await store.purge(before: clock.now() - keep) > 0 {}
            while try await store.trim(toNewest: most) > 0 {}
            try await store.purgeAccountMails(before: clock.now() - Self.accountMailsKept)
        }
        jobs = [mailJob, accountMailJob, purge]
    }

    package func prepare() async throws {
        try transport.claim()
        try await Migrator.migrate(resources.database, NotificationMigrations.all, set: name)
        try await Migrator.migrate(resources.database, EventRuntime.migrations, set: "events")
    }

    package func registerRoutes(_ routes: Routes) {
        NotificationRoutes(store: store, clock: resources.clock).register(on: routes)
    }

    package var backgroundServices: [any Service] {
        runtime.services(handlers: NotificationHandlers.events.bound(to: handlers))
            + jobs
    }

    package var events: (any EventAdministration)? { runtime.administration }
}
