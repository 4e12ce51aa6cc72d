import HTTPTypes
import Logging
import SoukAuthKernel
import SoukCallContext
import SoukDatabase
import SoukHTTPTesting
import SoukTesting
import SoukTime
import Testing

@testable import SoukAuth

/// Nobody learns from a sign-up or a log-in who has an account, and a claim gives nothing of somebody else's.
@Suite struct ClaimTests {
    private static let ann = "ann@example.com"

    private func outcome(_ answer: Answer) -> [String] {
        // Values differ from account to account; what there is does not.
        answer.headers.map { "\($0.name)" }.sorted() + answer.data.keys.sorted()
            + answer.data["user"].keys.sorted()
    }

    @Test func aSignUpIsTheSameWhetherTheAddressIsKnownOrNot() async throws {
        let auth = try await AuthFixture()
        func rows() async throws -> [Int] {
            try await [
                auth.count("SELECT COUNT(*) FROM users"), auth.count("SELECT COUNT(*) FROM mail_requests"),
                auth.count("SELECT COUNT(*) FROM outbox"), auth.count("SELECT COUNT(*) FROM sessions"),
            ]
        }
        _ = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        _ = try await auth.register("claimed@example.com")
        var seen: [([String], [Int])] = []
        for email in [Self.ann, "claimed@example.com", "unknown@example.com"] {
            let before = try await rows()
            let answer = try await auth.register(email)
            #expect(answer.status == 201)
            seen.append((outcome(answer), zip(try await rows(), before).map { $0 - $1 }))
        }
        for one in seen { #expect(one == seen[0]) }
        #expect(try await auth.mail(.claim, to: Self.ann)?.content == .addressInUse)
    }

    @Test func everyFailedLogInCostsTwoHashes() async throws {
        let auth = try await AuthFixture()
        let now = auth.clock.now()
        try await create(auth, "verified@example.com", "v", verifiedAt: now, now)
        try await create(auth, "both@example.com", "v", verifiedAt: now, now)
        try await create(auth, "both@example.com", "c", now)
        try await create(auth, "claim@example.com", "c", now)
        for (email, expected) in [
            ("verified@example.com", ["v", nil]), ("both@example.com", ["v", "c"]),
            ("claim@example.com", ["c", nil]),
            ("unknown@example.com", [nil, nil]),
        ] {
            let (login, hasher) = login(auth)
            await #expect(throws: AuthError.invalidCredentials) {
                try await login.logIn(email: email, password: "wrong", from: ClientAddress("a"))
            }
            #expect(hasher.checks == expected)
        }
        // Who has an account that claims the address learns from the time nothing about one that has verified it.
        for email in ["both@example.com", "claim@example.com"] {
            let (login, hasher) = login(auth)
            _ = try await login.logIn(email: email, password: "c", from: ClientAddress("a"))
            #expect(hasher.checks.count == 2)
        }
    }

    @Test(arguments: [nil, false, true])
    func claimsOfOnesOwnTellNothingOfOthers(_ isOthersVerified: Bool?) async throws {
        let auth = try await AuthFixture()
        if let isOthersVerified {
            _ = try await auth.register(Self.ann)
            if isOthersVerified { try await auth.confirm(Self.ann) }
        }
        let first = try await auth.register(Self.ann, password: "the first claim's secret")
        _ = try await auth.register(Self.ann, password: "the second claim's secret")
        #expect(try await auth.logIn(Self.ann, "the first claim's secret").status == 401)
        #expect(try await auth.logIn(Self.ann, "the second claim's secret").status == 200)
        let device = try #require(first.data["device_token"].string)
        let known = try await auth.post(
            "/api/v1/auth/login",
            #"{"email": "\#(Self.ann)", "password": "the first claim's secret", "device_token": "\#(device)"}"#
        )
        #expect(known.userID == first.userID)
    }

    @Test func theVerifiedAccountComesFirstAndLaterClaimsShutNoKnownDeviceOut() async throws {
        let auth = try await AuthFixture()
        let mine = try await auth.register(Self.ann)
        auth.clock.advance(by: .seconds(1))
        let theirs = try await auth.register(Self.ann, password: "the stranger's secret")
        let device = try #require(mine.data["device_token"].string)
        let known = try await auth.post(
            "/api/v1/auth/login",
            #"{"email": "\#(Self.ann)", "password": "\#(AuthFixture.password)", "device_token": "\#(device)"}"#
        )
        #expect(known.userID == mine.userID)
        #expect(try await auth.logIn(Self.ann, "the stranger's secret").userID == theirs.userID)
        try await auth.database.execute(
            "UPDATE users SET email_verified_at = 1 WHERE id = \(mine.userID ?? "")")
        for number in 0..<3 {
            _ = try await auth.register(Self.ann, password: "yet another secret \(number)")
        }
        #expect(try await auth.logIn(Self.ann).userID == mine.userID)
    }

    @Test func aClaimForgetsNoFailuresAtSomebodyElsesAccount() async throws {
        let auth = try await AuthFixture()
        _ = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        let claim = try await auth.register(Self.ann, password: "the stranger's secret")
        for _ in 0..<9 { #expect(try await auth.logIn(Self.ann, "wrong password").status == 401) }
        #expect(try await auth.logIn(Self.ann, "the stranger's secret").status == 200)
        #expect(try await auth.logIn(Self.ann, "wrong password").status == 401)
        #expect(try await auth.logIn(Self.ann, "wrong password").status == 429)
        // Nor does its device get guesses of its own at the other account.
        let device = try #require(claim.data["device_token"].string)
        let guess = try await auth.post(
            "/api/v1/auth/login",
            #"{"email": "\#(Self.ann)", "password": "\#(AuthFixture.password)", "device_token": "\#(device)"}"#
        )
        #expect(guess.status == 401, "the right password of the other account")
    }

    @Test func aClaimOnTheAdminsAddressHindersNobody() async throws {
        let database = try await TestDatabase.make()
        let before = try await AuthFixture(
            ["SOUK_AUTH_ADMIN_EMAIL": "other@example.com"], database: database)
        _ = try await before.register(AuthFixture.adminEmail)
        let auth = try await AuthFixture(database: database)
        let admin = try await auth.logIn(AuthFixture.adminEmail, AuthFixture.adminPassword)
        #expect(admin.data["user"]["roles"].items == [.string("admin"), .string("customer")])
        #expect(admin.data["user"]["email_verified"].bool == true)
    }

    private func create(
        _ auth: AuthFixture, _ email: String, _ hash: String, verifiedAt: Timestamp? = nil, _ now: Timestamp
    ) async throws {
        let user = User(
            email: email, emailVerifiedAt: verifiedAt, name: "Ann", roles: [.customer], createdAt: now)
        try await auth.accounts.create(Account(user: user, passwordHash: hash), mail: nil)
    }

    private func login(_ auth: AuthFixture) -> (Login, RecordingHasher) {
        let (accounts, hasher) = (auth.accounts, RecordingHasher())
        let audit = AuditLog(logger: Logger(label: "test"))
        let sessions = SQLSessionStore(database: auth.database, accounts: accounts, endings: accounts.endings)
        let login = Login(
            accounts: accounts,
            throttle: LoginThrottle(
                throttles: SQLThrottleStore(database: auth.database), limits: AuthLimits(), clock: auth.clock,
                audit: audit),
            devices: DeviceTokens(store: SQLDeviceKeyStore(database: auth.database)), passwords: hasher,
            tokens: TokenIssuer(
                keys: auth.keys, sessions: sessions, clock: auth.clock, accessLifetime: .seconds(60),
                refreshLifetime: .seconds(600)),
            audit: audit)
        return (login, hasher)
    }
}
