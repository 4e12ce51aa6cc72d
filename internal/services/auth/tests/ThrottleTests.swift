import HTTPTypes
@testable import SoukAuth
import SoukDatabase
import SoukHTTPTesting
import SoukTesting
import SoukTime
import Testing

@Suite struct ThrottleTests {
    @Test(arguments: ["ann@example.com", "nobody@example.com"])
    func anAccountIsLockedWhetherItExistsOrNot(_ email: String) async throws {
        let auth = try await AuthFixture()
        _ = try await auth.register("ann@example.com")
        for _ in 0..<10 { #expect(try await auth.logIn(email, "wrong password").status == 401) }
        auth.clock.advance(by: .seconds(60))
        // The right one too.
        let locked = try await auth.logIn(email)
        #expect(locked.status == 429)
        #expect(locked.code == "auth.throttled")
        #expect(locked.headers[.retryAfter] == String(14 * 60))

        // A restart forgets nothing.
        let restarted = try await AuthFixture(database: auth.database, clock: auth.clock)
        #expect(try await restarted.logIn(email).status == 429)

        auth.clock.advance(by: .seconds(14 * 60))
        #expect(try await restarted.logIn(email).status == (email.hasPrefix("ann") ? 200 : 401))
    }

    @Test func theRightPasswordForgetsTheFailures() async throws {
        let auth = try await AuthFixture()
        _ = try await auth.register("ann@example.com")
        try await auth.confirm("ann@example.com")
        for _ in 0..<3 {
            for _ in 0..<9 {
                #expect(try await auth.logIn("ann@example.com", "wrong password").status == 401)
            }
            #expect(try await auth.logIn("ann@example.com").status == 200)
        }
    }

    @Test func anAddressIsLockedAfterManyAccounts() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_MAX_FAILURES_PER_ADDRESS": "5"])
        _ = try await auth.register("ann@example.com")
        for guess in 0..<5 {
            #expect(try await auth.logIn("u\(guess)@example.com", "wrong one").status == 401)
        }
        #expect(try await auth.logIn("ann@example.com").status == 429)
        #expect(try await auth.logIn("ann@example.com", from: "203.0.113.2").status == 200)
    }

    @Test func registrationsAreCounted() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_MAX_REGISTRATIONS_PER_ADDRESS": "2"])
        #expect(try await auth.register("a@example.com", from: "2001:db8::1").status == 201)
        #expect(try await auth.register("b@example.com", from: "2001:db8::2").status == 201)
        // One household: the same /64.
        #expect(try await auth.register("c@example.com", from: "2001:db8::3").status == 429)
        #expect(try await auth.register("c@example.com", from: "2001:db8:0:1::3").status == 201)
        auth.clock.advance(by: .seconds(3_600))
        #expect(try await auth.register("d@example.com", from: "2001:db8::1").status == 201)
    }

    @Test func exemptAddressesAreNotCounted() async throws {
        let auth = try await AuthFixture([
            "SOUK_AUTH_MAX_REGISTRATIONS_PER_ADDRESS": "1", "SOUK_AUTH_MAX_FAILURES_PER_ACCOUNT": "1",
            "SOUK_RATE_LIMIT_EXEMPT": "10.0.0.0/8, ::1",
        ])
        for (index, address) in ["10.1.2.3", "10.1.2.3", "::1", "::1"].enumerated() {
            #expect(try await auth.register("u\(index)@example.com", from: address).status == 201)
            #expect(try await auth.logIn("u\(index)@example.com", "wrong one", from: address).status == 401)
            #expect(try await auth.logIn("u\(index)@example.com", from: address).status == 200)
        }
        #expect(try await auth.register("a@example.com", from: "11.0.0.1").status == 201)
        #expect(try await auth.register("b@example.com", from: "11.0.0.1").status == 429)
    }

    @Test func aWindowClosesHoweverManyFollow() {
        let rule = ThrottleRule(scope: "s", limit: 2, window: .seconds(10))
        let start = Timestamp(microseconds: 0)
        var window = ThrottleWindow(startedAt: start, count: 1)
        #expect(window.wait(rule, at: start) == nil)
        window = window.adding(rule, at: start + .seconds(4))
        #expect(window.wait(rule, at: start + .seconds(4)) == .seconds(6))
        #expect(window.wait(rule, at: start + .seconds(10)) == nil)
        #expect(window.adding(rule, at: start + .seconds(10)).count == 1)
    }

    @Test func whatComesToNothingIsGivenBack() async throws {
        let auth = try await AuthFixture()
        let store = SQLThrottleStore(database: auth.database)
        let key = ThrottleKey(rule: ThrottleRule(scope: "s", limit: 1, window: .seconds(10)), subject: "x")
        #expect(try await store.take(key, at: auth.clock.now()) == nil)
        #expect(try await store.take(key, at: auth.clock.now()) == .seconds(10))
        try await store.giveBack(key)
        #expect(try await store.take(key, at: auth.clock.now()) == nil)
        try await store.purge(at: auth.clock.now() + .seconds(10))
        #expect(try await auth.count("SELECT COUNT(*) FROM throttles") == 0)
    }
}
