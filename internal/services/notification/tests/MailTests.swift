import Foundation
import Logging
import SoukAuthKernel
import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukIDs
import SoukTesting
import SoukTime
import Synchronization
import Testing

@testable import SoukNotification

@Suite struct MailTests {
    let now = Timestamp(rfc3339: "2026-02-28T23:59:58Z") ?? .min

    @Test func datesFollowRFC5322() {
        #expect(now.internetMessageDate == "Sat, 28 Feb 2026 23:59:58 +0000")
        #expect(Timestamp(microseconds: -1_000_000).internetMessageDate == "Wed, 31 Dec 1969 23:59:59 +0000")
    }

    @Test(arguments: [
        "plain", "Ada \"the\" Boss", "Żółw", "line\r\nBcc: x@evil.test", String(repeating: "é", count: 90),
        "e" + String(repeating: "\u{301}", count: 1_000), "=?utf-8?B?U291aw==?=", "\u{600}<x@evil.test>,",
    ])
    func namesAndSubjectsStayInTheirHeader(text: String) throws {
        let message = EmailMessage(
            id: "1", from: .init(name: text, address: "no-reply@souk.example"),
            to: .init(name: text, address: "a@souk.example"), date: now, subject: text, text: "", html: "")
        let head = String(decoding: message.bytes, as: UTF8.self).components(separatedBy: "\r\n\r\n")[0]
        let fields = head.replacingOccurrences(of: "\r\n ", with: " ").components(separatedBy: "\r\n")
        #expect(
            fields.map { $0.prefix { $0 != ":" } } == [
                "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version",
                "Content-Type",
            ])
        #expect(fields[1].utf8.filter { "<>@,".utf8.contains($0) } == Array("<@>".utf8))
        #expect(fields[2] == "Subject: \(text)" || fields[2].hasPrefix("Subject: =?utf-8?B?"))
    }

    @Test(arguments: ["\u{600}", "\u{605}", "\u{6DD}", "\u{70F}", "\u{110BD}", "\u{200D}", ""])
    func noNameBecomesALink(merging: String) throws {
        let text = "\(merging)<a href=\"https://evil.test\">Prize\(merging)</a>"
        let html = try MailBody().html(name: text, title: text, text: text)
        #expect(html.utf8.split(separator: UInt8(ascii: "<")).count == 18)
        #expect(!html.unicodeScalars.map(String.init).joined(separator: "|").contains("<|a|"))
    }

    @Test func theMessageIsASCIIWithShortLinesAndEscapedHTML() throws {
        let html = try MailBody().html(name: "Ada <script>", title: "T & T", text: "x")
        #expect(html.contains("Ada &lt;script&gt;") && html.contains("T &amp; T"))
        let message = EmailMessage(
            id: "1", from: .init(name: "Souk", address: "no-reply@souk.example"),
            to: .init(name: "Zoë", address: "zoe@souk.example"), date: now, subject: "Grüße", text: "ö",
            html: String(repeating: "ö", count: 2_000))
        let text = String(decoding: message.bytes, as: UTF8.self)
        #expect(message.bytes.allSatisfy { $0 < 0x80 })
        #expect(text.components(separatedBy: "\r\n").allSatisfy { $0.utf8.count <= 78 })
        #expect(text.contains("Message-ID: <1@souk.example>\r\n"))
    }

    @Test func mailIsSentOncePostponedOnTroubleAndDroppedForUnknownUsers() async throws {
        let database = try await TestDatabase.make()
        try await Migrator.migrate(database, NotificationMigrations.all, set: "notification")
        let store = NotificationStore(database: database)
        let clock = ManualClock(now)
        let known = UserSummary(
            id: UserID(), email: "a@b.example", isEmailVerified: true, name: "Ada", roles: [.customer],
            isActive: true)
        let transport = ScriptedTransport()
        let job = MailJob(
            store: store, users: Users(users: [known]), transport: transport, body: try MailBody(),
            sender: .init(name: "Souk", address: "no-reply@souk.example"), clock: clock,
            logger: Logger(label: "test"))
        for user in [known.id, UserID()] {
            let draft = Draft(userID: user, kind: .orderPaid, title: "Paid", text: "Thanks", subject: [:])
            try await database.transaction { tx in
                try await store.insert(draft, eventID: "e", at: now, in: tx)
            }
        }
        transport.isDown.withLock { $0 = true }
        try await job.run()
        #expect(transport.sent.withLock { $0 }.isEmpty)
        #expect(try await store.emails.due(at: now, limit: 10).isEmpty)
        transport.isDown.withLock { $0 = false }
        clock.advance(by: .seconds(61))
        try await job.run()
        try await job.run()
        #expect(transport.sent.withLock { $0 }.map(\.to.address) == ["a@b.example"])
        #expect(try await store.emails.due(at: .max, limit: 10).isEmpty)
    }

    @Test func aDirectoryHoldsOneFilePerMessage() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("souk-mail-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let message = EmailMessage(
            id: "m-1", from: .init(name: "", address: "a@b.example"),
            to: .init(name: "", address: "c@d.example"),
            date: now, subject: "S", text: "T", html: "H")
        let mail = MailDirectory(directory: folder.path)
        try await mail.send(message)
        try await mail.send(message)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["m-1.eml"])
        await #expect(throws: ServiceError.self) {
            try await MailDirectory(directory: "/proc/nowhere").send(message)
        }
    }

    @Test func aDirectoryThatIsThereBecomesPrivate() throws {
        let folder = try TemporaryFolder()
        let directory = folder.path("mail")
        #expect(throws: Never.self) { try MailDirectory(directory: directory).claim() }
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let file = "\(directory)/m-1.eml"
        #expect(
            FileManager.default.createFile(
                atPath: file, contents: Data("To: a@b.example".utf8), attributes: [.posixPermissions: 0o644]))
        try MailDirectory(directory: directory).claim()
        let modes = try [directory, file].map {
            try FileManager.default.attributesOfItem(atPath: $0)[.posixPermissions] as? Int
        }
        #expect(modes == [0o700, 0o600])
    }
}

/// Accounts as a test says.
final class Users: AuthKernel {
    let known: Mutex<[UserSummary]>

    init(users: [UserSummary]) {
        known = Mutex(users)
    }

    func users(_ ids: [UserID], _ context: CallContext) async throws(AuthKernelError) -> [UserSummary] {
        known.withLock { $0.filter { ids.contains($0.id) } }
    }

    func statuses(
        _ sessions: [SessionReference], _ context: CallContext
    ) async throws(AuthKernelError) -> [SessionReference: SessionStatus] {
        Dictionary(uniqueKeysWithValues: sessions.map { ($0, SessionStatus(.active, roles: [], version: 1)) })
    }
}

final class ScriptedTransport: MailTransport {
    let isDown = Mutex(false)
    let sent = Mutex<[EmailMessage]>([])

    func send(_ message: EmailMessage) async throws(ServiceError) {
        guard !isDown.withLock({ $0 }) else {
            throw ServiceError(.unavailable, code: "mail.unavailable", message: "down")
        }
        sent.withLock { $0.append(message) }
    }
}
