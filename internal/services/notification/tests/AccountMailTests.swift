import Foundation
import Logging
import SoukAuthKernel
import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukEvents
import SoukIDs
import SoukIdentifiers
import SoukTesting
import SoukTime
import Synchronization
import Testing

@testable import SoukNotification

/// Nothing but verification goes to an address that is not verified, and secrets are kept nowhere.
@Suite struct AccountMailTests {
    private let now = Timestamp(microseconds: 1_780_000_000_000_000)
    private let clock: ManualClock
    private let store: NotificationStore
    private let transport = ScriptedTransport()

    init() async throws {
        clock = ManualClock(now)
        let database = try await TestDatabase.make()
        try await Migrator.migrate(database, NotificationMigrations.all, set: "notification")
        store = NotificationStore(database: database)
    }

    private func summary(_ id: UserID, isEmailVerified: Bool) -> UserSummary {
        UserSummary(
            id: id, email: "ann@example.com", isEmailVerified: isEmailVerified, name: "Ann",
            roles: [.customer],
            isActive: true)
    }

    private func mailJob(_ users: any AuthKernel) throws -> MailJob {
        MailJob(
            store: store, users: users, transport: transport, body: try MailBody(),
            sender: .init(name: "Souk", address: "no-reply@souk.example"), clock: clock,
            logger: Logger(label: "test"))
    }

    private func accountMailJob(_ mails: any AccountMailKernel) throws -> AccountMailJob {
        AccountMailJob(
            store: store, mails: mails, transport: transport,
            body: try AccountMailBody(market: "Souk", frontendURL: { "https://shop.example" }),
            sender: .init(name: "Souk", address: "no-reply@souk.example"), clock: clock,
            logger: Logger(label: "test"))
    }

    private func add(_ event: String, to user: UserID) async throws {
        let draft = Draft(userID: user, kind: .orderPaid, title: "Paid", text: "Thanks", subject: [:])
        try await store.database.transaction { tx in
            try await store.insert(draft, eventID: event, at: clock.now(), in: tx)
        }
    }

    private func states() async throws -> [String] {
        try await store.database.query("SELECT state FROM emails ORDER BY notification_id").map {
            try $0.get("state")
        }
    }

    private func release(_ user: UserID) async throws -> Int {
        try await store.database.transaction { tx in
            try await store.release(to: user, at: clock.now(), in: tx)
        }
    }

    @Test func mailWaitsUntilTheAddressIsVerified() async throws {
        let user = UserID()
        let users = Users(users: [summary(user, isEmailVerified: false)])
        let job = try mailJob(users)
        try await add("old", to: user)
        clock.advance(by: .seconds(23 * 3_600))
        try await add("new", to: user)
        try await job.run()
        #expect(transport.sent.withLock { $0 }.isEmpty)
        #expect(try await states() == ["withheld", "withheld"])
        clock.advance(by: .seconds(2 * 3_600))
        // What is older than a day is no news.
        users.known.withLock { $0 = [summary(user, isEmailVerified: true)] }
        #expect(try await release(UserID()) == 0)
        #expect(try await release(user) == 1)
        try await job.run()
        #expect(transport.sent.withLock { $0 }.map(\.to.address) == ["ann@example.com"])
        #expect(try await states() == ["withheld", "sent"])
        // In the app both have been there all along.
        #expect(try await store.unreadCount(of: user) == 2)
    }

    /// The event came before the mail was withheld: the job looks again.
    @Test func mailThatIsWithheldWhileTheAddressIsVerifiedIsReleased() async throws {
        let user = UserID()
        let users = Verifying(
            id: user, before: summary(user, isEmailVerified: false),
            after: summary(user, isEmailVerified: true))
        let job = try mailJob(users)
        try await add("e", to: user)
        try await job.run()
        try await job.run()
        #expect(transport.sent.withLock { $0 }.count == 1)
    }

    @Test func anAccountMailIsSentOnceAndItsTokenIsKeptNowhere() async throws {
        let request = MailRequestID()
        let mails = Mails([request: .verification(MailToken("s3cret-token"), expiresAt: now)])
        let job = try accountMailJob(mails)
        for _ in 0..<2 {
            try await store.database.transaction { tx in try await store.insert(request, at: now, in: tx) }
        }
        transport.isDown.withLock { $0 = true }
        try await job.run()
        transport.isDown.withLock { $0 = false }
        clock.advance(by: .seconds(61))
        try await job.run()
        try await job.run()
        let sent = transport.sent.withLock { $0 }
        #expect(sent.count == 1 && sent.first?.id == request.description)
        #expect(sent.first?.to == .init(name: "", address: "ann@example.com"))
        #expect(sent.first?.text.contains("https://shop.example/verify-email#token=s3cret-token") == true)
        #expect(
            sent.first?.html.contains("href=\"https://shop.example/verify-email#token=s3cret-token\"") == true
        )
        let rows = try await store.database.query("SELECT * FROM account_mails")
        #expect(rows.count == 1 && !"\(rows)".contains("s3cret"))
        #expect(try await store.accountMails.due(at: .max, limit: 10).isEmpty)
        try await store.purgeAccountMails(before: now + .seconds(1))
        #expect(try await store.database.query("SELECT * FROM account_mails").isEmpty)
    }

    @Test func aRequestThatIsSettledIsNotSent() async throws {
        let job = try accountMailJob(Mails([:]))
        try await store.database.transaction { tx in try await store.insert(MailRequestID(), at: now, in: tx)
        }
        try await job.run()
        #expect(transport.sent.withLock { $0 }.isEmpty)
        #expect(try await store.accountMails.due(at: .max, limit: 10).isEmpty)
    }

    @Test func aMailThatAlwaysFailsStopsNoOther() async throws {
        let requests = (0..<12).map { _ in MailRequestID() }
        for (age, request) in requests.enumerated() {
            try await store.database.transaction { tx in
                try await store.insert(request, at: now - .seconds(60 - Int64(age)), in: tx)
            }
        }
        // Every third: never many in a row.
        let broken = Set(requests.enumerated().filter { $0.offset % 3 == 0 }.map(\.element))
        let all = Dictionary(uniqueKeysWithValues: requests.map { ($0, AccountMail.Content.addressInUse) })
        let job = try accountMailJob(Mails(all, broken: broken))
        try? await job.run()
        #expect(transport.sent.withLock { $0 }.count == 8)
        #expect(try await store.accountMails.due(at: now, limit: 100).isEmpty)
        #expect(Set(try await store.accountMails.due(at: now + .seconds(60), limit: 100)) == broken)
        // Each has its own back-off.
        clock.advance(by: .seconds(60))
        try? await job.run()
        #expect(try await store.accountMails.due(at: now + .seconds(179), limit: 100).isEmpty)
        #expect(try await store.accountMails.due(at: now + .seconds(180), limit: 100).count == 4)
    }

    @Test func aServerThatIsDownIsNotAskedForEveryMail() async throws {
        let requests = (0..<12).map { _ in MailRequestID() }
        for request in requests {
            try await store.database.transaction { tx in try await store.insert(request, at: now, in: tx) }
        }
        let job = try accountMailJob(Mails([:], broken: Set(requests)))
        await #expect(throws: AuthKernelError.self) { try await job.run() }
        #expect(try await store.accountMails.due(at: now, limit: 100).count == 7)
        #expect(try await store.accountMails.due(at: now + .seconds(60), limit: 100).count == 12)
    }

    @Test(arguments: [AccountMail.Content.addressInUse, .changeRequested])
    func aNoticeLeadsNowhere(_ content: AccountMail.Content) throws {
        let body = try AccountMailBody(market: "Souk", frontendURL: { "https://shop.example" })
        let words = body.words(for: content)
        for text in [words.text, body.html(words)] {
            #expect(!text.contains("http") && !text.contains("href") && !text.contains("Code"))
        }
    }
}

/// Mails as a test says.
private struct Mails: AccountMailKernel {
    let contents: [MailRequestID: AccountMail.Content]
    /// Requests whose look-up always fails.
    let broken: Set<MailRequestID>

    init(_ contents: [MailRequestID: AccountMail.Content], broken: Set<MailRequestID> = []) {
        self.contents = contents
        self.broken = broken
    }

    func mail(for request: MailRequestID, _ context: CallContext) async throws(AuthKernelError)
        -> AccountMail?
    {
        guard !broken.contains(request) else { throw .unavailable("scripted") }
        return contents[request].map { AccountMail(address: "ann@example.com", content: $0) }
    }
}

/// A user who verifies the address right after the first look.
private final class Verifying: AuthKernel {
    let id: UserID
    let before: UserSummary
    let after: UserSummary
    private let isSeen = Mutex(false)

    init(id: UserID, before: UserSummary, after: UserSummary) {
        self.id = id
        self.before = before
        self.after = after
    }

    func users(_ ids: [UserID], _ context: CallContext) async throws(AuthKernelError) -> [UserSummary] {
        isSeen.withLock { isSeen in
            defer { isSeen = true }
            return [isSeen ? after : before]
        }
    }

    func statuses(
        _ sessions: [SessionReference], _ context: CallContext
    ) async throws(AuthKernelError) -> [SessionReference: SessionStatus] { [:] }
}
