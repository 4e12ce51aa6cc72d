import HTTPTypes
import Logging
@testable import SoukAuth
import SoukAuthToken
import SoukCallContext
import SoukDatabase
import SoukHTTPTesting
import SoukIDs
import SoukTesting
import SoukTime
import Testing

@Suite struct LoginTests {
    @Test func registersAndLogsIn() async throws {
        let auth = try await AuthFixture()
        let made = try await auth.register("  Ann@Example.com ")
        #expect(made.status == 201)
        #expect(made.data["user"]["email"].string == "ann@example.com")
        #expect(made.data["user"]["roles"].items == [.string("customer")])
        #expect(made.data["token_type"].string == "Bearer")
        #expect(made.data["expires_in"].int == 900)
        #expect(made.headers[.cacheControl] == "no-store")
        #expect(made.data["user"].keys.isDisjoint(with: ["password", "password_hash"]))

        let entered = try await auth.logIn("ANN@example.com")
        #expect(entered.status == 200)
        let claims = try await auth.keys.validateAndExtractInfoFromToken(try #require(entered.accessToken))
        #expect(claims.userID.description == made.userID)
        #expect(claims.roles == [.customer])
        #expect(!claims.sessionID.isEmpty)
        #expect(try await auth.count("SELECT COUNT(*) FROM outbox") == 3, "both accounts, and a mail")
    }

    @Test(arguments: [
        (#"{"email": "nobody", "password": "a fine long secret", "name": "A"}"#, 422, "email"),
        (#"{"email": "a@b.co", "password": "short", "name": "A"}"#, 422, "password"),
        (#"{"email": "a@b.co", "password": "password123", "name": "A"}"#, 422, "password"),
        (#"{"email": "a@b.co", "password": "a fine long secret", "name": " A"}"#, 422, "name"),
        (
            #"{"email": "a@b.co", "password": "a fine long secret", "name": "A", "roles": ["admin"]}"#, 400,
            "roles"
        ),
        (#"{"email": 7, "password": "a fine long secret", "name": "A"}"#, 400, "email"),
    ])
    func badRegistrationsNameTheField(_ json: String, _ status: Int, _ field: String) async throws {
        let auth = try await AuthFixture()
        let answer = try await auth.send(.post, "/api/v1/auth/register", json: json)
        #expect(answer.status == status)
        #expect(answer.json["errors"][0]["field"].string == field)
    }

    @Test func unknownUserAndWrongPasswordGetOneAnswer() async throws {
        let auth = try await AuthFixture()
        _ = try await auth.register("ann@example.com")
        let wrong = try await auth.logIn("ann@example.com", "not the one")
        let unknown = try await auth.logIn("bob@example.com", "not the one")
        let huge = try await auth.logIn("ann@example.com", String(repeating: "x", count: 1_025))
        #expect(wrong.status == 401)
        #expect(unknown.status == 401)
        for key in ["code", "title", "detail", "type"] { #expect(wrong.json[key] == unknown.json[key]) }
        #expect(huge.status == 422)
    }

    @Test func manyGuessesAtOnceGetNoMoreThanTheLimit() async throws {
        let auth = try await AuthFixture()
        let hasher = RecordingHasher()
        let login = login(auth, hasher)
        try await auth.accounts.create(account("ann@example.com", auth.clock.now()), mail: nil)
        await withTaskGroup(of: Void.self) { group in
            for guess in 0..<40 {
                group.addTask {
                    _ = try? await login.logIn(
                        email: "ann@example.com", password: "guess \(guess)", from: ClientAddress("a"))
                }
            }
        }
        // Two for each attempt.
        #expect(hasher.checks.count == 20)
    }

    /// Who breaks off once the first hash was wrong has had a guess.
    @Test func anAttemptThatEndsAfterItsFirstCheckIsCounted() async throws {
        let auth = try await AuthFixture()
        let hasher = RecordingHasher(checksUntilBusy: 1)
        let login = login(auth, hasher)
        try await auth.accounts.create(account("ann@example.com", auth.clock.now()), mail: nil)
        await #expect(throws: AuthError.busy) {
            try await login.logIn(email: "ann@example.com", password: "guess", from: ClientAddress("a"))
        }
        #expect(try await auth.count("SELECT COALESCE(SUM(attempts), 0) FROM throttles") == 3)
    }

    /// One that took too long, or whose client has gone.
    @Test func anAttemptThatIsCancelledIsNotCounted() async throws {
        let auth = try await AuthFixture()
        let hasher = RecordingHasher(isStuck: true)
        let login = login(auth, hasher)
        let attempt = Task {
            try await login.logIn(email: "ann@example.com", password: "right", from: ClientAddress("a"))
        }
        await hasher.started.wait()
        attempt.cancel()
        await #expect(throws: CancellationError.self) { try await attempt.value }
        #expect(try await auth.count("SELECT sum(attempts) FROM throttles") == 0)
    }

    @Test func aHashAtAnotherCostIsRenewed() async throws {
        let auth = try await AuthFixture()
        _ = try await auth.register("ann@example.com")
        let before = try await auth.accounts.loginCandidates(email: "ann@example.com").first?.passwordHash
        let dearer = try await AuthFixture(["SOUK_AUTH_ARGON2_ITERATIONS": "3"], database: auth.database)
        #expect(try await dearer.logIn("ann@example.com").status == 200)
        let after = try await auth.accounts.loginCandidates(email: "ann@example.com").first?.passwordHash
        #expect(before?.contains("t=1,") == true)
        #expect(after?.contains("t=3,") == true)
        #expect(try await dearer.logIn("ann@example.com").status == 200)
    }

    private func login(_ auth: AuthFixture, _ hasher: RecordingHasher) -> Login {
        let accounts = auth.accounts
        let sessions = SQLSessionStore(
            database: auth.database, accounts: accounts, endings: accounts.endings)
        let audit = AuditLog(logger: Logger(label: "test"))
        return Login(
            accounts: accounts,
            throttle: LoginThrottle(
                throttles: SQLThrottleStore(database: auth.database), limits: AuthLimits(), clock: auth.clock,
                audit: audit),
            devices: DeviceTokens(store: SQLDeviceKeyStore(database: auth.database)),
            passwords: hasher,
            tokens: TokenIssuer(
                keys: auth.keys, sessions: sessions, clock: auth.clock, accessLifetime: .seconds(60),
                refreshLifetime: .seconds(600)),
            audit: audit)
    }

    private func account(_ email: String, _ now: Timestamp) -> Account {
        Account(
            user: User(email: email, name: "Ann", roles: [.customer], createdAt: now), passwordHash: "stored")
    }
}
