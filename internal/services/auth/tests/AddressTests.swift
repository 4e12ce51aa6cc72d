import HTTPTypes
import SoukAuthKernel
import SoukCallContext
import SoukDatabase
import SoukHTTPTesting
import SoukIDs
import SoukTesting
import SoukTime
import Testing

@testable import SoukAuth

/// An address is claimed first, and verified by whoever reads its mailbox and is signed in to the account that claims it.
@Suite struct AddressTests {
    @Test func anotherAddressIsAskedForWithItsNoticeOrNotAtAll() async throws {
        let auth = try await AuthFixture()
        let grant = try await auth.register("owner@example.com")
        try await auth.confirm("owner@example.com")
        // The notice can't be kept: the account has one already.
        try await auth.database.execute(
            "CREATE UNIQUE INDEX one_notice ON mail_requests (user_id) WHERE purpose = 'change_notice'")
        try await auth.database.execute(
            """
            INSERT INTO mail_requests (id, purpose, user_id, email, created_at, expires_at)
            VALUES ('notice', 'change_notice', \(grant.userID ?? ""), 'owner@example.com', 0, 0)
            """)
        let change = try await auth.post(
            "/api/v1/auth/email/change",
            #"{"email": "new@example.com", "current_password": "\#(AuthFixture.password)"}"#,
            token: grant.accessToken)
        #expect(change.status != 202)
        #expect(
            try await auth.count("SELECT COUNT(*) FROM mail_requests WHERE email = 'new@example.com'") == 0)
    }

    private static let ann = "ann@example.com"

    private func verify(_ auth: AuthFixture, _ token: String, as bearer: String?) async throws -> Answer {
        try await auth.post("/api/v1/auth/email/verify", #"{"token": "\#(token)"}"#, token: bearer)
    }

    private func change(
        _ auth: AuthFixture, to email: String, password: String = AuthFixture.password, as bearer: String?
    ) async throws -> Answer {
        try await auth.post(
            "/api/v1/auth/email/change", #"{"email": "\#(email)", "current_password": "\#(password)"}"#,
            token: bearer)
    }

    @Test func aTokenVerifiesOnceAndForItsOwnAccountOnly() async throws {
        let auth = try await AuthFixture()
        let ann = try await auth.register(Self.ann)
        #expect(ann.data["user"]["email_verified"].bool == false)
        let mail = try #require(try await auth.mail(.claim, to: Self.ann))
        #expect(mail.address == Self.ann)
        let token = try await auth.token(.claim, to: Self.ann)
        let eve = try await auth.register("eve@example.com")
        #expect(try await verify(auth, token, as: nil).status == 401)
        #expect(try await verify(auth, token, as: eve.accessToken).code == "auth.mail_token_invalid")
        let verified = try await verify(auth, token, as: ann.accessToken)
        #expect(verified.status == 200 && verified.etag == "\"2\"")
        #expect(verified.data["email_verified"].bool == true)
        #expect(try await verify(auth, token, as: ann.accessToken).code == "auth.mail_token_invalid")
        #expect(try await auth.mail(.claim, to: Self.ann) == nil)
    }

    @Test func ofTwentyUsesAtOnceOneCounts() async throws {
        let auth = try await AuthFixture()
        let ann = try await auth.register(Self.ann)
        let token = try await auth.token(.claim, to: Self.ann)
        let statuses = try await atOnce(
            (0..<20).map { _ in { try await verify(auth, token, as: ann.accessToken).status } })
        #expect(statuses.filter { $0 == 200 }.count == 1)
        #expect(statuses.filter { $0 == 403 }.count == 19)
    }

    @Test func ofAccountsThatVerifyOneAddressAtOnceOneGetsIt() async throws {
        let auth = try await AuthFixture()
        let kernel = auth.service.mails
        var claims: [(token: String, bearer: String?)] = []
        for address in 1...4 {
            // One mailbox gets three mails an hour: each claim's own token is asked for directly.
            let grant = try await auth.register(Self.ann, from: "198.51.100.\(address)")
            let id = try #require(grant.userID.flatMap { UserID($0) })
            let request = try #require(
                try await auth.database.scalar(
                    "SELECT id FROM mail_requests WHERE user_id = \(id)", as: String.self))
            let mail = try await kernel.mail(for: #require(.init(request)), .background("test"))
            guard case .verification(let token, _) = mail?.content else { throw AuthFixture.NoToken() }
            claims.append((token.reveal(), grant.accessToken))
        }
        let answers = try await atOnce(
            claims.map { claim in { try await verify(auth, claim.token, as: claim.bearer) } })
        #expect(answers.filter { $0.status == 200 }.count == 1)
        #expect(answers.filter { $0.code == "user.address_in_use" }.count == 3)
        #expect(
            try await auth.count(
                "SELECT COUNT(*) FROM users WHERE email = \(Self.ann) AND email_verified_at > 0") == 1)
    }

    @Test func theDatabaseKeepsVerifiedAddressesApart() async throws {
        let auth = try await AuthFixture()
        for _ in 0..<2 { _ = try await auth.register(Self.ann) }
        try await auth.confirm(Self.ann)
        await #expect(throws: DatabaseError.self) {
            try await auth.database.execute(
                "UPDATE users SET email_verified_at = 1 WHERE email = \(Self.ann)")
        }
    }

    @Test func aTokenEnds() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_VERIFICATION_TTL": "1h"])
        let ann = try await auth.register(Self.ann)
        let token = try await auth.token(.claim, to: Self.ann)
        auth.clock.advance(by: .seconds(3_600))
        let bearer = try await auth.logIn(Self.ann).accessToken
        #expect(try await verify(auth, token, as: bearer).code == "auth.mail_token_invalid")
        #expect(try await auth.mail(.claim, to: Self.ann) == nil)
        #expect(try await auth.count("SELECT COUNT(*) FROM mail_requests") == 1)
        let requests = SQLMailRequestStore(
            database: auth.database, accounts: auth.accounts, outbox: auth.accounts.outbox)
        try await requests.purge(at: auth.clock.now())
        #expect(try await auth.count("SELECT COUNT(*) FROM mail_requests") == 0)
        #expect(ann.status == 201)
    }

    @Test func onlyTheHashOfATokenIsKept() async throws {
        let auth = try await AuthFixture()
        _ = try await auth.register(Self.ann)
        let token = try await auth.token(.claim, to: Self.ann)
        #expect(token.utf8.count == 43, "256 bits")
        let kept = try await auth.database.scalar("SELECT token_hash FROM mail_requests", as: String.self)
        #expect(kept == Digest.sha256(token))
        #expect("\(MailToken(token))".contains(token) == false)
        #expect(
            String(
                reflecting: AccountMail(
                    address: "a", content: .verification(MailToken(token), expiresAt: .min))
            ).contains(token) == false)
    }

    @Test func aMailIsSentAgainWithinLimits() async throws {
        let auth = try await AuthFixture()
        let bearer = try await auth.register(Self.ann).accessToken
        func resend() async throws -> Answer {
            try await auth.send(.post, "/api/v1/auth/email/resend", token: bearer)
        }
        let first = try await auth.token(.claim, to: Self.ann)
        for _ in 0..<5 {
            let answer = try await resend()
            #expect(answer.status == 202 && answer.body.isEmpty)
            auth.clock.advance(by: .seconds(1))
        }
        #expect(try await resend().code == "auth.throttled")
        // One for the sign-up and two more; the mailbox's limit is silent.
        #expect(try await auth.requests(.claim, to: Self.ann).count == 3)
        let second = try await auth.token(.claim, to: Self.ann)
        #expect(first != second)
        #expect(
            try await verify(auth, first, as: bearer).status == 200,
            "an earlier mail is good until one is used")
        #expect(try await verify(auth, second, as: bearer).status == 403)
        #expect(try await resend().code == "user.address_verified")
    }

    @Test func anAccountHasFiveLiveTokens() async throws {
        let auth = try await AuthFixture()
        let bearer = try await auth.register(Self.ann).accessToken
        for _ in 0..<5 {
            auth.clock.advance(by: .seconds(1))
            #expect(try await auth.send(.post, "/api/v1/auth/email/resend", token: bearer).status == 202)
        }
        var tokens: [String] = []
        for row in try await auth.database.query("SELECT id FROM mail_requests ORDER BY created_at") {
            let mail = try await auth.service.mails.mail(for: row.get("id"), .background("test"))
            guard case .verification(let token, _) = mail?.content else { throw AuthFixture.NoToken() }
            tokens.append(token.reveal())
        }
        #expect(tokens.count == 6)
        #expect(try await verify(auth, tokens[0], as: bearer).status == 403)
        #expect(try await verify(auth, tokens[1], as: bearer).status == 200)
    }

    @Test func aMailboxGetsFewMailsWhoeverAsks() async throws {
        let auth = try await AuthFixture(["SOUK_AUTH_MAX_REGISTRATIONS_PER_ADDRESS": "1000"])
        for hour in 0..<5 {
            for attempt in 0..<6 {
                let email = attempt % 2 == 0 ? Self.ann : "ann+\(hour).\(attempt)@example.com"
                #expect(
                    try await auth.register(email, from: "198.51.100.\(hour * 6 + attempt)").status == 201)
            }
            auth.clock.advance(by: .seconds(3_600))
        }
        let mails = try await auth.count("SELECT COUNT(*) FROM outbox WHERE type = 'user.mail_requested.v1'")
        #expect(mails == 10)
    }

    @Test func othersSignUpsDenyNoMailToAnAccount() async throws {
        let auth = try await AuthFixture()
        for network in 0..<10 {
            _ = try await auth.register(Self.ann, from: "198.51.100.\(network)")
            auth.clock.advance(by: .seconds(3_600))
        }
        let ann = try await auth.register(Self.ann)
        let before = try await auth.requests(.claim, to: Self.ann).count
        #expect(before == 10)
        let resent = try await auth.send(.post, "/api/v1/auth/email/resend", token: ann.accessToken)
        #expect(resent.status == 202)
        #expect(try await auth.requests(.claim, to: Self.ann).count == before + 1)
        let token = try await auth.token(.claim, to: Self.ann)
        #expect(try await verify(auth, token, as: ann.accessToken).status == 200)
    }

    /// Accounts that a network makes up are no way around what protects a mailbox.
    @Test func manyAccountsOfANetworkSendNoMoreThanOne() async throws {
        let auth = try await AuthFixture()
        for _ in 0..<5 {
            let grant = try await auth.register(Self.ann)
            for _ in 0..<3 {
                _ = try await auth.send(.post, "/api/v1/auth/email/resend", token: grant.accessToken)
            }
        }
        #expect(try await auth.requests(.claim, to: Self.ann).count == 3)
    }

    @Test func anAddressChangesOnceTheNewOneIsVerified() async throws {
        let auth = try await AuthFixture()
        let bearer = try await auth.register(Self.ann).accessToken
        try await auth.confirm(Self.ann)
        #expect(try await change(auth, to: "no address", as: bearer).status == 422)
        #expect(
            try await change(auth, to: "new@example.com", password: "wrong", as: bearer).code
                == "auth.wrong_current_password")
        #expect(try await change(auth, to: Self.ann, as: bearer).code == "user.address_verified")
        #expect(try await change(auth, to: "new@example.com", as: bearer).status == 202)
        #expect(
            try await auth.mail(.changeNotice, to: Self.ann)
                == AccountMail(address: Self.ann, content: .changeRequested))
        func own() async throws -> JSON { try await auth.send(.get, "/api/v1/users/me", token: bearer).data }
        #expect(try await own()["email"].string == Self.ann)
        let token = try await auth.token(.claim, to: "new@example.com")
        let forgotten = try await auth.post("/api/v1/auth/password/forgot", #"{"email": "\#(Self.ann)"}"#)
        #expect(forgotten.status == 202)
        let reset = try await auth.token(.reset, to: Self.ann)
        #expect(try await verify(auth, token, as: bearer).data["email"].string == "new@example.com")
        #expect(try await own()["email_verified"].bool == true)
        // The old mailbox opens nothing any more.
        let late = try await auth.post(
            "/api/v1/auth/password/reset", #"{"token": "\#(reset)", "password": "another fine secret"}"#)
        #expect(late.code == "auth.mail_token_invalid")
        #expect(try await auth.logIn(Self.ann).status == 401)
        #expect(try await auth.logIn("new@example.com").status == 200)
    }

    @Test func onlyTheMailboxHearsThatAnAddressIsTaken() async throws {
        let auth = try await AuthFixture()
        _ = try await auth.register(Self.ann)
        try await auth.confirm(Self.ann)
        let eve = try await auth.register("eve@example.com")
        let taken = try await change(auth, to: Self.ann, as: eve.accessToken)
        let free = try await change(auth, to: "free@example.com", as: eve.accessToken)
        #expect(taken.status == 202 && free.status == 202 && taken.body == free.body)
        #expect(try await auth.mail(.claim, to: Self.ann)?.content == .addressInUse)
    }

    private func atOnce<T: Sendable>(_ bodies: [@Sendable () async throws -> T]) async throws -> [T] {
        try await withThrowingTaskGroup(of: T.self) { group in
            for body in bodies { group.addTask { try await body() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }
}
