import SoukEnv
import SoukErrors
import SoukHTTP
import SoukService
import SoukTime

/// What can be set about the auth service.
struct AuthConfiguration: Sendable {
    struct Admin: Sendable {
        let email: String
        let password: Secret<String>
    }

    let accessLifetime: Duration
    let refreshLifetime: Duration
    let refreshGrace: Duration
    let sessions: SessionLimits
    let mails: AccountMails.Lifetimes
    let passwords: PasswordPolicy
    let argon2: Argon2Parameters
    let argon2Threads: Int
    let limits: AuthLimits
    let exemptAddresses: [AddressRange]
    /// The first admin; nil where none is to be made.
    let admin: Admin?

    /// - Throws: `ConfigurationError` for the first variable that is malformed.
    init(_ environment: Environment) throws(ConfigurationError) {
        accessLifetime = try Self.lifetime(
            environment, "SOUK_AUTH_ACCESS_TOKEN_TTL", default: .seconds(15 * 60), from: .seconds(1),
            to: .seconds(86_400))
        refreshLifetime = try Self.lifetime(
            environment, "SOUK_AUTH_REFRESH_TOKEN_TTL", default: .seconds(43_800 * 60), from: .seconds(1),
            to: .seconds(400 * 86_400))
        refreshGrace = try Self.lifetime(
            environment, "SOUK_AUTH_REFRESH_GRACE", default: .zero, from: .zero, to: .seconds(60))
        var sessions = SessionLimits()
        sessions.perAccount = try environment.int(
            "SOUK_AUTH_MAX_SESSIONS", default: sessions.perAccount, in: 1...1_000)
        sessions.lifetime = try Self.lifetime(
            environment, "SOUK_AUTH_SESSION_LIFETIME", default: sessions.lifetime, from: .seconds(60),
            to: .seconds(3_650 * 86_400))
        self.sessions = sessions
        var mails = AccountMails.Lifetimes()
        mails.verification = try Self.lifetime(
            environment, "SOUK_AUTH_VERIFICATION_TTL", default: mails.verification, from: .seconds(60),
            to: .seconds(30 * 86_400))
        mails.reset = try Self.lifetime(
            environment, "SOUK_AUTH_RESET_TTL", default: mails.reset, from: .seconds(60), to: .seconds(86_400)
        )
        self.mails = mails
        let passwords = PasswordPolicy(
            minimumLength: try environment.int(
                "SOUK_AUTH_PASSWORD_MIN_LENGTH", default: PasswordPolicy().minimumLength,
                in: PasswordPolicy.minimumLengths))
        self.passwords = passwords
        argon2 = try Self.argon2(environment)
        argon2Threads = try environment.int("SOUK_AUTH_ARGON2_THREADS", default: 2, in: 1...64)
        limits = try Self.limits(environment)
        exemptAddresses = try environment.addressRanges("SOUK_RATE_LIMIT_EXEMPT")
        admin = try Self.admin(environment, passwords)
    }

    private static func lifetime(
        _ environment: Environment, _ name: String, default: Duration, from least: Duration, to most: Duration
    ) throws(ConfigurationError) -> Duration {
        let value = try environment.duration(name, default: `default`)
        guard least <= value, value <= most else {
            throw ConfigurationError(
                name, "must be from \(least.components.seconds)s to \(most.components.seconds)s")
        }
        return value
    }

    private static func argon2(_ environment: Environment) throws(ConfigurationError) -> Argon2Parameters {
        let lanes = try environment.int("SOUK_AUTH_ARGON2_PARALLELISM", default: 1, in: 1...16)
        // libargon2 wants 8 KiB for each lane.
        let memory = try environment.int(
            "SOUK_AUTH_ARGON2_MEMORY_KIB", default: 19_456, in: (8 * lanes)...4_194_304)
        let iterations = try environment.int("SOUK_AUTH_ARGON2_ITERATIONS", default: 2, in: 1...100)
        return Argon2Parameters(
            memoryKiB: UInt32(memory), iterations: UInt32(iterations), parallelism: UInt32(lanes))
    }

    private static func limits(_ environment: Environment) throws(ConfigurationError) -> AuthLimits {
        let most = 1_000_000
        func rule(_ rule: ThrottleRule, _ name: String) throws(ConfigurationError) -> ThrottleRule {
            let limit = try environment.int(name, default: rule.limit, in: 1...most)
            return ThrottleRule(scope: rule.scope, limit: limit, window: rule.window)
        }
        var limits = AuthLimits()
        limits.failuresPerAccount = try rule(limits.failuresPerAccount, "SOUK_AUTH_MAX_FAILURES_PER_ACCOUNT")
        limits.failuresPerAccountOverall = try rule(
            limits.failuresPerAccountOverall, "SOUK_AUTH_MAX_FAILURES_PER_ACCOUNT_OVERALL")
        limits.failuresPerAddress = try rule(limits.failuresPerAddress, "SOUK_AUTH_MAX_FAILURES_PER_ADDRESS")
        limits.registrationsPerAddress = try rule(
            limits.registrationsPerAddress, "SOUK_AUTH_MAX_REGISTRATIONS_PER_ADDRESS")
        limits.resetsPerAddress = try rule(limits.resetsPerAddress, "SOUK_AUTH_MAX_RESETS_PER_ADDRESS")
        limits.mailsPerNetwork = try environment.int(
            "SOUK_AUTH_MAX_MAILS_PER_NETWORK", default: limits.mailsPerNetwork, in: 1...most)
        limits.mailsPerHour = try environment.int(
            "SOUK_AUTH_MAX_MAILS_PER_HOUR", default: limits.mailsPerHour, in: 1...most)
        limits.mailsPerDay = try environment.int(
            "SOUK_AUTH_MAX_MAILS_PER_DAY", default: limits.mailsPerDay, in: 1...most)
        limits.repeatsPerDay = try environment.int(
            "SOUK_AUTH_MAX_REPEATED_MAILS_PER_DAY", default: limits.repeatsPerDay, in: 1...most)
        return limits
    }

    private static func admin(
        _ environment: Environment, _ passwords: PasswordPolicy
    ) throws(ConfigurationError) -> Admin? {
        let names = (email: "SOUK_AUTH_ADMIN_EMAIL", password: "SOUK_AUTH_ADMIN_PASSWORD")
        let email = try environment.optionalString(names.email).map(EmailAddress.normalised)
        let password = try environment.secret(names.password)
        switch (email, password) {
        case (nil, nil):
            return nil
        case (.some, nil):
            throw ConfigurationError(names.password, "is not set, but \(names.email) is")
        case (nil, .some):
            throw ConfigurationError(names.email, "is not set, but \(names.password) is")
        case (.some(let email), .some(let password)):
            guard EmailAddress.isValid(email) else {
                throw ConfigurationError(names.email, "'\(email)' is no e-mail address")
            }
            let text = PasswordPolicy.normalised(password.reveal())
            if let complaint = passwords.complaint(about: text, email: email) {
                throw ConfigurationError(names.password, "can't be taken: \(complaint.message)")
            }
            return Admin(email: email, password: password)
        }
    }
}
