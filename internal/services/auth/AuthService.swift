package import SoukAuthKernel
package import SoukAuthToken
import SoukDatabase
package import SoukEnv
package import SoukEventsRuntime
package import SoukHTTP
package import SoukService
import SoukTime
package import ServiceLifecycle

/// Accounts, roles and sessions: who may call the marketplace.
///
/// Offers `/api/v1/auth/…`, `/api/v1/users/me`, `/api/v1/admin/users/…` and `/.well-known/jwks.json`; publishes
/// `user.registered.v1`, `user.updated.v1`, `user.mail_requested.v1` and `session.ended.v1`; follows `vendor.status_changed.v1` with the vendor role.
package final class AuthService: HostedService {
    /// What it is called in logs, metrics and databases.
    package let name: String

    /// What its peers in this process call.
    package let kernel: any AuthKernel

    /// What the notification service asks for the mails about accounts.
    package let mails: any AccountMailKernel

    /// What the public authentication API serves.
    package let accounts: any AccountKernel

    /// Tells this process of sessions that have ended, right after the commit; others learn it by
    /// `session.ended.v1`.
    package let endings: SessionEndings

    private let resources: ServiceResources
    private let configuration: AuthConfiguration
    private let runtime: EventRuntime
    private let registration: Registration
    private let authRoutes: AuthRoutes
    private let userRoutes: UserRoutes
    private let addressRoutes: AddressRoutes
    private let consumer: VendorStatusConsumer
    private let sessions: SQLSessionStore
    private let throttles: SQLThrottleStore
    private let mailRequests: SQLMailRequestStore

    /// How often expired rows are removed.
    private static let purgeInterval = Duration.seconds(15 * 60)

    /// - Parameter keys: Signs access tokens; one of them must be able to sign.
    /// - Throws: `ConfigurationError` naming the variable that is malformed.
    package init(resources: ServiceResources, keys: TokenKeys) throws(ConfigurationError) {
        let configuration = try AuthConfiguration(resources.environment)
        let clock = resources.clock
        let runtime = EventRuntime(
            service: resources.name, database: resources.database, broker: resources.broker, clock: clock)
        let endings = SessionEndings(outbox: runtime.outbox)
        let accounts = SQLAccountStore(
            database: resources.database, outbox: runtime.outbox, endings: endings)
        let sessions = SQLSessionStore(
            database: resources.database, accounts: accounts, endings: endings,
            limits: configuration.sessions)
        let throttles = SQLThrottleStore(database: resources.database)
        let passwords = PasswordHasher(parameters: configuration.argon2, threads: configuration.argon2Threads)
        let audit = AuditLog(logger: resources.logger)
        let limits = configuration.limits
        let clients = ClientAddresses(exempt: configuration.exemptAddresses)
        let tokens = TokenIssuer(
            keys: keys, sessions: sessions, clock: clock, accessLifetime: configuration.accessLifetime,
            refreshLifetime: configuration.refreshLifetime, sessionLimits: configuration.sessions)
        let requests = SQLMailRequestStore(
            database: resources.database, accounts: accounts, outbox: runtime.outbox)
        let mails = AccountMails(
            requests: requests, throttles: throttles, limits: limits, lifetimes: configuration.mails,
            clock: clock, audit: audit)
        let registration = Registration(
            accounts: accounts, throttles: throttles, passwords: passwords, tokens: tokens, mails: mails,
            limits: limits, clock: clock, audit: audit, policy: configuration.passwords)
        name = resources.name
        kernel = LocalAuthKernel(accounts: accounts, sessions: sessions, clock: clock)
        self.mails = LocalAccountMailKernel(requests: requests, clock: clock)
        mailRequests = requests
        self.endings = endings
        self.resources = resources
        self.configuration = configuration
        self.runtime = runtime
        self.registration = registration
        self.sessions = sessions
        self.throttles = throttles
        consumer = VendorStatusConsumer(accounts: accounts, clock: clock, audit: audit)
        let devices = DeviceTokens(store: SQLDeviceKeyStore(database: resources.database))
        let login = Login(
            accounts: accounts,
            throttle: LoginThrottle(
                throttles: throttles, limits: limits, clock: clock, audit: audit),
            devices: devices, passwords: passwords, tokens: tokens, audit: audit)
        let refresh = TokenRefresh(
            sessions: sessions, tokens: tokens, clock: clock, grace: configuration.refreshGrace, audit: audit)
        let profiles = Profiles(
            accounts: accounts, throttles: throttles, passwords: passwords, limits: limits, clock: clock,
            audit: audit, policy: configuration.passwords)
        let administration = UserAdministration(accounts: accounts, clock: clock, audit: audit)
        authRoutes = AuthRoutes(
            registration: registration, login: login, refresh: refresh, devices: devices, keys: keys,
            clients: clients)
        addressRoutes = AddressRoutes(
            claims: AddressClaims(
                accounts: accounts, requests: requests, mails: mails, throttles: throttles,
                passwords: passwords, limits: limits, clock: clock, audit: audit),
            reset: PasswordReset(
                requests: requests, mails: mails, throttles: throttles, passwords: passwords,
                devices: devices, policy: configuration.passwords, limits: limits, clock: clock, audit: audit),
            clients: clients)
        userRoutes = UserRoutes(profiles: profiles, administration: administration, clients: clients)
        self.accounts = LocalAccountKernel(
            registration: registration, login: login, refresh: refresh, devices: devices, profiles: profiles,
            administration: administration, clients: clients)
    }

    package func prepare() async throws {
        try await Migrator.migrate(resources.database, AuthMigrations.all, set: AuthMigrations.set)
        try await Migrator.migrate(resources.database, EventRuntime.migrations, set: "events")
        if let admin = configuration.admin {
            try await registration.ensureAdmin(email: admin.email, password: admin.password.reveal())
        }
    }

    package func registerRoutes(_ routes: Routes) {
        authRoutes.register(on: routes)
        userRoutes.register(on: routes)
        addressRoutes.register(on: routes)
    }

    package var backgroundServices: [any Service] {
        let (sessions, throttles, requests, clock) = (sessions, throttles, mailRequests, resources.clock)
        let purge = PeriodicJob(name: "auth.purge", every: Self.purgeInterval, clock: clock) {
            _ = try await sessions.purge(at: clock.now())
            try await throttles.purge(at: clock.now())
            try await requests.purge(at: clock.now())
        }
        return runtime.services(
            handlers: VendorStatusConsumer.events.bound(to: consumer)
                + AccountChangeRepeater.events.bound(to: AccountChangeRepeater(endings: endings))) + [purge]
    }

    package var events: (any EventAdministration)? { runtime.administration }
}
