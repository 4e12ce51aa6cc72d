import HTTPTypes
import SoukDatabase
import SoukHTTPTesting
import SoukTesting
import Testing

@testable import SoukAuth

@Suite struct SessionLimitTests {
    private static let live = "SELECT COUNT(*) FROM sessions WHERE revoked_at IS NULL" as SQL

    @Test func oneSessionMoreEndsTheOldest() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_MAX_SESSIONS": "3"])
        var grants = [try await auth.register("ann@example.com")]
        for _ in 0..<3 {
            auth.clock.advance(by: .seconds(1))
            grants.append(try await auth.logIn("ann@example.com"))
        }
        // Somebody else's do not count.
        #expect(try await auth.register("bob@example.com").status == 201)
        #expect(try await auth.refresh(grants[0].refreshToken).code == "auth.refresh_invalid")
        for grant in grants.dropFirst() { #expect(try await auth.refresh(grant.refreshToken).status == 200) }
        let ends = try await auth.database.query("SELECT data FROM outbox WHERE type = 'session.ended.v1'")
        let texts = try ends.map { String(decoding: try $0.get("data", as: [UInt8].self), as: UTF8.self) }
        #expect(texts.count == 1 && texts[0].contains(#""superseded""#))
    }

    @Test func loginsAtOnceKeepToTheLimitTogether() async throws {
        // So many right passwords at once would be throttled.
        let auth = try await AuthFixture(
            ["SOUK_AUTH_MAX_SESSIONS": "3", "SOUK_RATE_LIMIT_EXEMPT": "203.0.113.0/24"])
        _ = try await auth.register("ann@example.com")
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<20 { group.addTask { try await auth.logIn("ann@example.com").status } }
            for try await status in group { #expect(status == 200) }
        }
        #expect(try await auth.count(Self.live) == 3)
    }

    @Test func whoLogsInAndOutForEverLeavesABoundedTrace() async throws {
        let auth = try await AuthFixture()
        var grant = try await auth.register("ann@example.com")
        for _ in 0..<60 {
            let body = #"{"refresh_token": "\#(grant.refreshToken ?? "")"}"#
            #expect(try await auth.send(.post, "/api/v1/auth/logout", json: body).status == 204)
            auth.clock.advance(by: .seconds(1))
            grant = try await auth.logIn("ann@example.com")
        }
        #expect(try await auth.count("SELECT COUNT(*) FROM sessions") <= 1 + SessionLimits().endedPerAccount)
    }

    @Test func whoRefreshesForEverLeavesABoundedTrace() async throws {
        let auth = try await AuthFixture()
        let first = try await auth.register("ann@example.com")
        var grant = first
        for _ in 0..<(SessionLimits().tokensPerSession + 20) {
            grant = try await auth.refresh(grant.refreshToken)
        }
        #expect(
            try await auth.count("SELECT COUNT(*) FROM refresh_tokens") == SessionLimits().tokensPerSession)
        // Forgotten, so it can't be recognised as reused; it is good for nothing all the same.
        #expect(try await auth.refresh(first.refreshToken).code == "auth.refresh_invalid")
        #expect(try await auth.refresh(grant.refreshToken).status == 200)
    }

    @Test func aSessionHasAnEndHoweverOftenItIsRefreshed() async throws {
        let auth = try await AuthFixture([
            "SOUK_AUTH_SESSION_LIFETIME": "100m", "SOUK_AUTH_REFRESH_TOKEN_TTL": "60m",
        ])
        var grant = try await auth.register("ann@example.com")
        for _ in 0..<3 {
            auth.clock.advance(by: .seconds(30 * 60))
            grant = try await auth.refresh(grant.refreshToken)
            #expect(grant.status == 200)
        }
        auth.clock.advance(by: .seconds(10 * 60))
        #expect(try await auth.refresh(grant.refreshToken).code == "auth.refresh_invalid")
    }

    @Test(arguments: [
        ["SOUK_AUTH_MAX_SESSIONS": "0"], ["SOUK_AUTH_MAX_SESSIONS": "1001"],
        ["SOUK_AUTH_SESSION_LIFETIME": "1s"],
    ])
    func limitsThatMakeNoLimitAreRefused(_ environment: [String: String]) async {
        await #expect(throws: (any Error).self) { try await AuthFixture(environment) }
    }
}
