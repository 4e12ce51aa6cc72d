import HTTPTypes
import SoukAuthKernel
import SoukAuthToken
import SoukCallContext
import SoukDatabase
import SoukEnv
import SoukEvents
import SoukEventsRuntime
import SoukHTTPTesting
import SoukIDs
import SoukIdentifiers
import SoukService
import SoukTesting
import Synchronization
import Testing

@testable import SoukAuth

/// An auth service over a database of its own, called through its routes.
struct AuthFixture: Sendable {
    static let adminEmail = "root@example.com"
    static let adminPassword = "correct horse battery"
    static let password = "a fine long secret"

    /// Hashes as cheap as libargon2 allows.
    static let cheap = [
        "SOUK_AUTH_ARGON2_MEMORY_KIB": "8", "SOUK_AUTH_ARGON2_ITERATIONS": "1",
        "SOUK_AUTH_ADMIN_EMAIL": adminEmail, "SOUK_AUTH_ADMIN_PASSWORD": adminPassword,
    ]

    let clock: ManualClock
    let database: any Database
    let service: AuthService
    let keys: TokenKeys
    private let caller: TestCaller

    init(
        _ environment: [String: String] = [:], database: (any Database)? = nil,
        clock: ManualClock = ManualClock()
    ) async throws {
        self.clock = clock
        if let database { self.database = database } else { self.database = try await TestDatabase.make() }
        keys = try await TokenKeys.generate(clock: clock)
        service = try AuthService(
            resources: ServiceResources(
                name: "auth", database: self.database, broker: UnusedBroker(), clock: clock,
                environment: Environment(values: Self.cheap.merging(environment) { $1 })),
            keys: keys)
        try await service.prepare()
        caller = TestCaller(verifier: keys, register: service.registerRoutes)
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, token: String? = nil, json: String? = nil,
        headers: HTTPFields = [:], from address: String = "203.0.113.1"
    ) async throws -> Answer {
        try await caller.send(method, path, as: token, body: json, headers: headers, from: address)
    }

    func register(
        _ email: String, password: String = AuthFixture.password, from address: String = "203.0.113.1"
    ) async throws -> Answer {
        try await send(
            .post, "/api/v1/auth/register",
            json: #"{"email": "\#(email)", "password": "\#(password)", "name": "Ann"}"#, from: address)
    }

    func logIn(
        _ email: String, _ password: String = AuthFixture.password, from address: String = "203.0.113.1"
    ) async throws -> Answer {
        try await send(
            .post, "/api/v1/auth/login", json: #"{"email": "\#(email)", "password": "\#(password)"}"#,
            from: address)
    }

    func refresh(_ token: String?) async throws -> Answer {
        try await send(.post, "/api/v1/auth/refresh", json: #"{"refresh_token": "\#(token ?? "")"}"#)
    }

    /// The admin's access token.
    func admin() async throws -> String {
        try #require(try await logIn(Self.adminEmail, Self.adminPassword).data["access_token"].string)
    }

    /// Has the newest account that claims the address verify it.
    func confirm(_ email: String) async throws {
        try await database.execute(
            """
            UPDATE users SET email_verified_at = created_at WHERE id IN (
                SELECT id FROM users WHERE email = \(email) ORDER BY created_at DESC, id DESC LIMIT 1)
            """)
    }

    /// The requests for mails to an address whose events were published, the newest first.
    func requests(_ purpose: MailPurpose, to email: String) async throws -> [MailRequestID] {
        let published = Set(
            try await database.query("SELECT key FROM outbox WHERE type = \(UserMailRequested.type)").map {
                try $0.get("key", as: String.self)
            })
        return try await database.query(
            """
            SELECT id FROM mail_requests WHERE purpose = \(purpose.rawValue) AND email = \(email)
            ORDER BY created_at DESC, id DESC
            """
        ).map { try $0.get("id", as: MailRequestID.self) }.filter { published.contains($0.description) }
    }

    /// What the newest mail to an address says; nil where there is none.
    func mail(_ purpose: MailPurpose, to email: String) async throws -> AccountMail? {
        guard let request = try await requests(purpose, to: email).first else { return nil }
        return try await service.mails.mail(for: request, .background("test"))
    }

    /// The token in the newest mail to an address.
    func token(_ purpose: MailPurpose, to email: String) async throws -> String {
        switch try await mail(purpose, to: email)?.content {
        case .verification(let token, _), .passwordReset(let token, _): token.reveal()
        case .addressInUse, .changeRequested, nil: throw NoToken()
        }
    }

    struct NoToken: Error {}

    func post(_ path: String, _ json: String, token: String? = nil, from address: String = "203.0.113.1")
        async throws -> Answer
    {
        try await send(.post, path, token: token, json: json, from: address)
    }

    func count(_ sql: SQL) async throws -> Int {
        try await database.scalar(sql, as: Int.self) ?? 0
    }

    var accounts: SQLAccountStore {
        let runtime = EventRuntime(service: "auth", database: database, broker: UnusedBroker(), clock: clock)
        return SQLAccountStore(
            database: database, outbox: runtime.outbox, endings: SessionEndings(outbox: runtime.outbox))
    }
}

extension Answer {
    var accessToken: String? { data["access_token"].string }
    var refreshToken: String? { data["refresh_token"].string }
    var userID: String? { data["user"]["id"].string }
}

/// Passwords that are their own hash, counting what is asked of it.
final class RecordingHasher: PasswordHashing {
    private let asked = Mutex<[String?]>([])
    private let isStuck: Bool
    private let checksUntilBusy: Int
    /// Fires with the first check.
    let started = TestSignal()

    /// - Parameters:
    ///   - isStuck: whether checks end by cancellation only.
    ///   - checksUntilBusy: how many checks there is time for.
    init(isStuck: Bool = false, checksUntilBusy: Int = .max) {
        self.isStuck = isStuck
        self.checksUntilBusy = checksUntilBusy
    }

    /// The stored hashes that passwords were checked against; nil where there was none.
    var checks: [String?] { asked.withLock { $0 } }

    func hash(_ password: String) async throws -> String { password }

    func verify(_ password: String, against stored: String?) async throws -> Bool {
        let count = asked.withLock { asked in
            asked.append(stored)
            return asked.count
        }
        started.fire()
        guard count <= checksUntilBusy else { throw AuthError.busy }
        if isStuck { try await ManualClock().sleep(for: .seconds(1)) }
        return password == stored
    }

    func isOutdated(_ stored: String) -> Bool { false }
}
