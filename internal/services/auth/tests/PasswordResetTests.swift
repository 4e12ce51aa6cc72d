import HTTPTypes
import SoukAuthKernel
import SoukDatabase
import SoukHTTPTesting
import SoukTesting
import Testing

@testable import SoukAuth

@Suite struct PasswordResetTests {
    private static let ann = "ann@example.com"
    private static let new = "another fine secret"

    private func forgot(
        _ auth: AuthFixture, _ email: String, from address: String = "203.0.113.1"
    ) async throws -> Answer {
        try await auth.post("/api/v1/auth/password/forgot", #"{"email": "\#(email)"}"#, from: address)
    }

    private func reset(_ auth: AuthFixture, _ token: String, to password: String = new) async throws -> Answer
    {
        try await auth.post(
            "/api/v1/auth/password/reset", #"{"token": "\#(token)", "password": "\#(password)"}"#)
    }

    @Test func aResetEndsAllSessions() async throws {
        let auth = try await AuthFixture()
        let grant = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        #expect(try await forgot(auth, Self.ann).status == 202)
        let token = try await auth.token(.reset, to: Self.ann)
        #expect(try await reset(auth, token, to: "short").status == 422)
        #expect(try await reset(auth, token).status == 200)
        #expect(try await auth.refresh(grant.refreshToken).status == 401)
        #expect(try await auth.logIn(Self.ann).status == 401)
        #expect(try await auth.logIn(Self.ann, Self.new).status == 200)
        #expect(
            try await auth.count("SELECT COUNT(*) FROM outbox WHERE type = 'session.ended.v1'") == 1)
    }

    /// Somebody who knew the password had asked for another address.
    @Test func aResetEndsAClaimOfAnotherAddress() async throws {
        let auth = try await AuthFixture()
        let grant = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        let change = try await auth.post(
            "/api/v1/auth/email/change",
            #"{"email": "eve@example.com", "current_password": "\#(AuthFixture.password)"}"#,
            token: grant.accessToken)
        #expect(change.status == 202)
        let claim = try await auth.token(.claim, to: "eve@example.com")
        _ = try await forgot(auth, Self.ann)
        #expect(try await reset(auth, auth.token(.reset, to: Self.ann)).status == 200)
        let bearer = try await auth.logIn(Self.ann, Self.new).accessToken
        let verified = try await auth.post(
            "/api/v1/auth/email/verify", #"{"token": "\#(claim)"}"#, token: bearer)
        #expect(verified.code == "auth.mail_token_invalid")
    }

    @Test func tokensThatAreUnknownExpiredOrUsedGetOneAnswer() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_RESET_TTL": "10m"])
        _ = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        _ = try await forgot(auth, Self.ann)
        let used = try await auth.token(.reset, to: Self.ann)
        #expect(try await reset(auth, used).status == 200)
        _ = try await forgot(auth, Self.ann)
        let expired = try await auth.token(.reset, to: Self.ann)
        auth.clock.advance(by: .seconds(600))
        let answers = try await [reset(auth, used), reset(auth, expired), reset(auth, "unknown")]
        #expect(answers.map(\.status) == [403, 403, 403])
        for key in ["code", "title", "detail", "type"] {
            #expect(
                answers[0].json[key] == answers[2].json[key] && answers[1].json[key] == answers[2].json[key])
        }
    }

    @Test func ofTwentyUsesAtOnceOneCounts() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_MAX_RESETS_PER_ADDRESS": "100"])
        _ = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        _ = try await forgot(auth, Self.ann)
        let token = try await auth.token(.reset, to: Self.ann)
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<20 {
                group.addTask { try await reset(auth, token, to: "another fine secret \(number)").status }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.filter { $0 == 200 }.count == 1)
        #expect(statuses.filter { $0 == 403 }.count == 19)
    }

    /// Both take the same steps until the mail is to be sent.
    @Test func knownAndUnknownAddressesGetOneAnswer() async throws {
        let auth = try await AuthFixture()
        _ = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        _ = try await auth.register("claimed@example.com")
        func rows() async throws -> [Int] {
            try await [
                auth.count("SELECT COUNT(*) FROM mail_requests"), auth.count("SELECT COUNT(*) FROM outbox"),
                auth.count("SELECT COUNT(*) FROM throttles"),
            ]
        }
        var seen: [(Answer, [Int])] = []
        for email in [Self.ann, "unknown@example.com", "claimed@example.com"] {
            let before = try await rows()
            let answer = try await forgot(auth, email)
            seen.append((answer, zip(try await rows(), before).map { $0 - $1 }))
        }
        for (answer, added) in seen {
            #expect(answer.status == 202 && answer.body.isEmpty)
            #expect(answer.headers.map(\.name) == seen[0].0.headers.map(\.name))
            // The network's counter is made with the first.
            #expect(added.dropLast() == [1, 1])
        }
        #expect(try await auth.mail(.reset, to: "unknown@example.com") == nil)
        #expect(try await auth.mail(.reset, to: "claimed@example.com") == nil)
        #expect(try await auth.mail(.reset, to: Self.ann) != nil)
    }

    @Test func asksAreLimitedPerMailboxAndNetwork() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_MAX_RESETS_PER_ADDRESS": "5"])
        _ = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        for _ in 0..<5 { #expect(try await forgot(auth, Self.ann).status == 202) }
        #expect(try await auth.requests(.reset, to: Self.ann).count == 3)
        #expect(try await forgot(auth, "bob@example.com").code == "auth.throttled")
        #expect(try await reset(auth, "unknown").code == "auth.throttled")
        // What others ask for leaves an account's sign-up mails alone, and the other way round.
        #expect(try await auth.register("new@example.com").status == 201)
        #expect(try await auth.mail(.claim, to: "new@example.com") != nil)
    }

    @Test func oneNetworkDoesNotUseUpAMailbox() async throws {
        let auth = try await AuthFixture()
        _ = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        for _ in 0..<5 {
            for _ in 0..<5 { _ = try await forgot(auth, Self.ann, from: "198.51.100.7") }
            auth.clock.advance(by: .seconds(3_600))
        }
        for _ in 0..<5 { _ = try await forgot(auth, Self.ann, from: "198.51.100.7") }
        let others = try await auth.requests(.reset, to: Self.ann).count
        #expect(try await forgot(auth, Self.ann, from: "203.0.113.1").status == 202)
        #expect(try await auth.requests(.reset, to: Self.ann).count == others + 1)
    }

    /// However many networks ask: there is a live token, or the next mail is at most an hour away.
    @Test func manyNetworksKeepTheOwnerWaitingForAnHourAtMost() async throws {
        let auth = try await AuthFixture()
        _ = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        for hour in 0..<6 {
            for network in 0..<10 {
                _ = try await forgot(auth, Self.ann, from: "198.51.100.\(10 * hour + network)")
            }
            #expect(try await auth.requests(.reset, to: Self.ann).count == 5 * (hour + 1))
            auth.clock.advance(by: .seconds(3_600))
        }
        _ = try await forgot(auth, Self.ann, from: "203.0.113.1")
        #expect(try await auth.requests(.reset, to: Self.ann).count == 31)
    }

    @Test func aDeactivatedAccountGetsNoMail() async throws {
        let auth = try await AuthFixture()
        let ann = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        _ = try await forgot(auth, Self.ann)
        let token = try await auth.token(.reset, to: Self.ann)
        let path = "/api/v1/admin/users/\(ann.userID ?? "")"
        #expect(
            try await auth.send(.patch, path, token: auth.admin(), json: #"{"active": false}"#).status == 200)
        #expect(try await auth.mail(.reset, to: Self.ann) == nil)
        #expect(try await reset(auth, token).code == "auth.mail_token_invalid")
    }
}
