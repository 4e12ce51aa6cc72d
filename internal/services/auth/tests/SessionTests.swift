import HTTPTypes
@testable import SoukAuth
import SoukAuthToken
import SoukDatabase
import SoukGuards
import SoukHTTPTesting
import SoukTesting
import SoukTime
import Synchronization
import Testing

@Suite struct SessionTests {
    @Test func everyRefreshTokenIsGoodOnce() async throws {
        let auth = try await AuthFixture()
        let first = try await auth.register("ann@example.com")
        let second = try await auth.refresh(first.refreshToken)
        #expect(second.status == 200)
        let third = try await auth.refresh(second.refreshToken)
        #expect(third.status == 200)
        let sids = try await [first, second, third].map(\.accessToken).asyncMap { token in
            try await auth.keys.validateAndExtractInfoFromToken(try #require(token)).sessionID
        }
        #expect(Set(sids).count == 1)

        let reused = try await auth.refresh(first.refreshToken)
        #expect(reused.status == 401)
        #expect(reused.code == "auth.refresh_reused")
        // The family is gone with it.
        #expect(try await auth.refresh(third.refreshToken).code == "auth.refresh_invalid")
        // Other sessions are not.
        #expect(try await auth.logIn("ann@example.com").status == 200)
    }

    @Test func tokensAreStoredHashed() async throws {
        let auth = try await AuthFixture()
        let token = try #require(try await auth.register("ann@example.com").refreshToken)
        #expect(token.count == 43)
        #expect(try await auth.count("SELECT COUNT(*) FROM refresh_tokens WHERE hash = \(token)") == 0)
        #expect(
            try await auth.count("SELECT COUNT(*) FROM refresh_tokens WHERE hash = \(Digest.sha256(token))")
                == 1)
    }

    @Test func ofTwentyAtOnceOneGetsThroughAndTheFamilyEnds() async throws {
        let auth = try await AuthFixture()
        let token = try await auth.register("ann@example.com").refreshToken
        let answers = try await withThrowingTaskGroup(of: Answer.self) { group in
            for _ in 0..<20 { group.addTask { try await auth.refresh(token) } }
            return try await group.reduce(into: [Answer]()) { $0.append($1) }
        }
        let winners = answers.filter { $0.status == 200 }
        #expect(winners.count == 1)
        #expect(answers.filter { $0.code == "auth.refresh_reused" }.count == 19)
        #expect(try await auth.refresh(winners.first?.refreshToken).status == 401)
    }

    /// Of requests that wait for one another the later one may have looked at the clock first.
    @Test func whoAskedEarlierAndWaitedComesAfterAllTheSame() async throws {
        let auth = try await AuthFixture()
        let token = try await auth.register("ann@example.com").refreshToken
        #expect(try await auth.refresh(token).status == 200)
        try await auth.database.execute(
            """
            UPDATE refresh_tokens SET rotated_at = \(auth.clock.now() + .milliseconds(5))
            WHERE rotated_at IS NOT NULL
            """)
        #expect(try await auth.refresh(token).code == "auth.refresh_reused")
    }

    @Test func withinTheGraceEverybodyGetsThrough() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_REFRESH_GRACE": "10s"])
        let token = try await auth.register("ann@example.com").refreshToken
        let first = try await auth.refresh(token)
        auth.clock.advance(by: .seconds(9))
        let second = try await auth.refresh(token)
        #expect(second.status == 200)
        #expect(try await auth.refresh(first.refreshToken).status == 200)
        auth.clock.advance(by: .seconds(1))
        #expect(try await auth.refresh(token).code == "auth.refresh_reused")
        #expect(try await auth.refresh(second.refreshToken).status == 401)
    }

    @Test func tokensExpireAndAreRemoved() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_REFRESH_TOKEN_TTL": "1h"])
        let first = try await auth.register("ann@example.com")
        auth.clock.advance(by: .seconds(1_800))
        let second = try await auth.refresh(first.refreshToken)
        auth.clock.advance(by: .seconds(1_800))
        // Rotated, and beyond its time: unknown rather than reused.
        #expect(try await auth.refresh(first.refreshToken).code == "auth.refresh_invalid")
        let sessions = SQLSessionStore(
            database: auth.database, accounts: auth.accounts, endings: auth.accounts.endings)
        #expect(try await sessions.purge(at: auth.clock.now()) == 1)
        #expect(try await auth.refresh(second.refreshToken).status == 200)
        auth.clock.advance(by: .seconds(3_600))
        #expect(try await sessions.purge(at: auth.clock.now()) == 2)
        #expect(try await auth.count("SELECT COUNT(*) FROM sessions") == 0)
    }

    @Test func logOutEndsTheFamily() async throws {
        let auth = try await AuthFixture()
        let first = try await auth.register("ann@example.com")
        let second = try await auth.refresh(first.refreshToken)
        for _ in 0..<2 {
            let answer = try await auth.send(
                .post, "/api/v1/auth/logout", json: #"{"refresh_token": "\#(second.refreshToken ?? "")"}"#)
            #expect(answer.status == 204)
        }
        #expect(try await auth.refresh(second.refreshToken).status == 401)
        let unknown = try await auth.send(
            .post, "/api/v1/auth/logout", json: #"{"refresh_token": "whatever"}"#)
        #expect(unknown.status == 204)
    }

    @Test func everyEndIsToldOnceWithItsReasonAndToThisProcessAfterTheCommit() async throws {
        let auth = try await AuthFixture()
        let told = Mutex<[[String]]>([])
        auth.service.endings.observe { change in told.withLock { $0.append(change.sessionIDs) } }
        func sid(_ answer: Answer) async throws -> String {
            try await auth.keys.validateAndExtractInfoFromToken(try #require(answer.accessToken)).sessionID
        }
        let first = try await auth.register("ann@example.com")
        for _ in 0..<2 {
            _ = try await auth.send(
                .post, "/api/v1/auth/logout", json: #"{"refresh_token": "\#(first.refreshToken ?? "")"}"#)
        }
        let second = try await auth.logIn("ann@example.com")
        _ = try await auth.refresh(second.refreshToken)
        for _ in 0..<2 { _ = try await auth.refresh(second.refreshToken) }
        let (third, fourth) = (
            try await auth.logIn("ann@example.com"), try await auth.logIn("ann@example.com")
        )
        let change = #"{"password": "another fine secret", "current_password": "\#(AuthFixture.password)"}"#
        _ = try await auth.send(.patch, "/api/v1/users/me", token: third.accessToken, json: change)
        let path = "/api/v1/admin/users/\(first.userID ?? "")"
        _ = try await auth.send(.patch, path, token: try await auth.admin(), json: #"{"active": false}"#)
        let ends = try await [first, second, fourth, third].asyncMap { try await [sid($0)] }
        #expect(told.withLock { $0 } == ends)
        let events = try await auth.database.query(
            "SELECT data FROM outbox WHERE type = 'session.ended.v1' ORDER BY id")
        let texts = try events.map { String(decoding: try $0.get("data", as: [UInt8].self), as: UTF8.self) }
        let reasons = ["logout", "reuse", "password_changed", "deactivated"]
        #expect(texts.count == 4)
        for (text, (reason, end)) in zip(texts, zip(reasons, ends)) {
            #expect(text.contains("\"\(reason)\"") && text.contains(end[0]))
        }
    }

    @Test func theKeysAreOpenAndWithoutEnvelope() async throws {
        let auth = try await AuthFixture()
        let answer = try await auth.send(.get, "/.well-known/jwks.json")
        #expect(answer.status == 200)
        #expect(answer.json["keys"][0]["alg"].string == "EdDSA")
        #expect(answer.json["keys"][0].keys.contains("kid"))
        #expect(!answer.json["keys"][0].keys.contains("d"))
    }
}

extension Sequence where Element: Sendable {
    fileprivate func asyncMap<T: Sendable>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
        var results: [T] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
