import HTTPTypes
import SoukDatabase
import SoukHTTPTesting
import SoukTesting
import Testing

@testable import SoukAuth

/// Nobody can lock somebody else out on purpose.
@Suite struct LockoutTests {
    private static let ann = "ann@example.com"

    /// Fails to log in from an attacker's network until it is refused.
    private func lockOut(_ email: String, _ auth: AuthFixture, from address: String) async throws {
        for _ in 0..<10 {
            #expect(try await auth.logIn(email, "wrong password", from: address).status == 401)
        }
        #expect(try await auth.logIn(email, "wrong password", from: address).status == 429)
    }

    @Test func othersFailuresLockOutTheirOwnNetworkOnly() async throws {
        let auth = try await AuthFixture()
        _ = try await auth.register(Self.ann)
        try await lockOut(Self.ann, auth, from: "198.51.100.7")
        #expect(try await auth.logIn(Self.ann).status == 200)
    }

    @Test func manyNetworksReachAHigherLimit() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_MAX_FAILURES_PER_ACCOUNT_OVERALL": "25"])
        _ = try await auth.register(Self.ann)
        try await lockOut(Self.ann, auth, from: "198.51.100.1")
        // A right password in between takes back its own attempt, not those of others.
        #expect(try await auth.logIn(Self.ann).status == 200)
        try await lockOut(Self.ann, auth, from: "198.51.100.2")
        for _ in 0..<5 {
            #expect(try await auth.logIn(Self.ann, "wrong password", from: "198.51.100.3").status == 401)
        }
        #expect(try await auth.logIn(Self.ann, from: "198.51.100.4").code == "auth.throttled")
    }

    @Test func aDeviceThatSignedInBeforeIsCountedForItself() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_MAX_FAILURES_PER_ACCOUNT_OVERALL": "10"])
        let token = try #require(try await auth.register(Self.ann).data["device_token"].string)
        try await lockOut(Self.ann, auth, from: "203.0.113.1")
        #expect(try await auth.logIn(Self.ann).status == 429)
        // The same network, and the account is locked for all others.
        #expect(try await logIn(auth, AuthFixture.password, token).status == 200)
        // It has no more guesses than anybody else.
        for _ in 0..<10 { #expect(try await logIn(auth, "wrong password", token).status == 401) }
        #expect(try await logIn(auth, AuthFixture.password, token).status == 429)
    }

    /// Who knew the password once may have collected any number of tokens.
    @Test func theDevicesOfAnAccountHaveALimitTogether() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_MAX_FAILURES_PER_ACCOUNT_OVERALL": "15"])
        let first = try #require(try await auth.register(Self.ann).data["device_token"].string)
        let second = try #require(try await auth.logIn(Self.ann).data["device_token"].string)
        for _ in 0..<10 { #expect(try await logIn(auth, "wrong password", first).status == 401) }
        for _ in 0..<5 { #expect(try await logIn(auth, "wrong password", second).status == 401) }
        #expect(try await logIn(auth, AuthFixture.password, second).status == 429)
        // Devices that the account doesn't know have theirs.
        #expect(try await auth.logIn(Self.ann).status == 200)
    }

    @Test func aTokenIsGoodForItsOwnAccountOnly() async throws {
        let auth = try await AuthFixture()
        _ = try await auth.register(Self.ann)
        let others = try #require(
            try await auth.register("eve@example.com", from: "198.51.100.7").data["device_token"].string)
        let own = try #require(try await auth.logIn(Self.ann).data["device_token"].string)
        try await lockOut(Self.ann, auth, from: "203.0.113.1")
        var flipped = Array(own.utf8)
        flipped[30] = flipped[30] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        for token in [
            others, String(decoding: flipped, as: UTF8.self), own + "A", String(own.dropLast()), "x",
        ] {
            #expect(try await logIn(auth, AuthFixture.password, token).status == 429)
        }
        #expect(try await logIn(auth, AuthFixture.password, own).status == 200)
    }

    @Test func processesOfOneDatabaseTakeEachOthersTokens() async throws {
        let auth = try await AuthFixture()
        let token = try #require(try await auth.register(Self.ann).data["device_token"].string)
        try await lockOut(Self.ann, auth, from: "203.0.113.1")
        let other = try await AuthFixture(database: auth.database, clock: auth.clock)
        #expect(try await logIn(other, AuthFixture.password, token).status == 200)
    }

    @Test func aPasswordChangeHasACounterOfItsOwn() async throws {
        let auth = try await AuthFixture()
        let grant = try await auth.register(Self.ann)
        func change(_ current: String) async throws -> Answer {
            try await auth.send(
                .patch, "/api/v1/users/me", token: grant.accessToken,
                json: #"{"password": "another fine secret", "current_password": "\#(current)"}"#)
        }
        for _ in 0..<10 { #expect(try await change("wrong password").code == "auth.wrong_current_password") }
        #expect(try await change(AuthFixture.password).status == 429)
        // Neither locks the other.
        #expect(try await auth.logIn(Self.ann).status == 200)
        let other = try await AuthFixture()
        let bob = try await other.register(Self.ann)
        try await lockOut(Self.ann, other, from: "203.0.113.1")
        let changed = try await other.send(
            .patch, "/api/v1/users/me", token: bob.accessToken,
            json: #"{"password": "another fine secret", "current_password": "\#(AuthFixture.password)"}"#)
        #expect(changed.status == 200)
    }

    /// Who reads the mailbox of the account has shown more than a device's earlier log-in.
    @Test func aResetOpensAnAccountThatIsLockedForAll() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_MAX_FAILURES_PER_ACCOUNT_OVERALL": "10"])
        _ = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        try await lockOut(Self.ann, auth, from: "198.51.100.7")
        _ = try await auth.post("/api/v1/auth/password/forgot", #"{"email": "\#(Self.ann)"}"#)
        let token = try await auth.token(.reset, to: Self.ann)
        let reset = try await auth.post(
            "/api/v1/auth/password/reset", #"{"token": "\#(token)", "password": "another fine secret"}"#)
        #expect(reset.status == 200)
        #expect(reset.headers[.cacheControl] == "no-store")
        #expect(try await auth.logIn(Self.ann, "another fine secret").status == 429)
        let device = try #require(reset.data["device_token"].string)
        #expect(try await logIn(auth, "another fine secret", device).status == 200)
    }

    private func logIn(_ auth: AuthFixture, _ password: String, _ token: String) async throws -> Answer {
        try await auth.send(
            .post, "/api/v1/auth/login",
            json: #"{"email": "\#(Self.ann)", "password": "\#(password)", "device_token": "\#(token)"}"#)
    }
}
