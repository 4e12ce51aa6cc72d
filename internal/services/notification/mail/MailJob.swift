import Logging
import SoukAuthKernel
import SoukCallContext
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukTime

/// Sends the e-mails that go with notifications: looks the addresses up and writes the messages, under the same id however often
/// it is tried. An address that is not verified gets none: what is to go there waits for its verification.
struct MailJob: Sendable {
    let store: NotificationStore
    let users: any AuthKernel
    let transport: any MailTransport
    let body: MailBody
    let sender: EmailMessage.Mailbox
    let clock: any WallClock
    let logger: Logger

    private struct Batch {
        let notifications: [NotificationID: Notification]
        let users: [UserID: UserSummary]
    }

    /// Works off everything that is due.
    func run() async throws {
        var unverified: Set<UserID> = []
        try await store.emails.drain(clock, logger, prepare: load) { id, batch in
            guard let notification = batch.notifications[id], let user = batch.users[notification.userID],
                user.isActive
            else { return .undeliverable }
            guard user.isEmailVerified else {
                unverified.insert(user.id)
                return .withheld
            }
            return await send(notification, to: user)
        }
        try await releaseVerified(unverified)
    }

    private func load(_ ids: [NotificationID]) async throws -> Batch {
        let notifications = try await store.notifications(ids)
        let found = try await users.users(
            Array(Set(notifications.map(\.userID))), .background("mail"))
        return Batch(
            notifications: Dictionary(uniqueKeysWithValues: notifications.map { ($0.id, $0) }),
            users: Dictionary(found.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first }))
    }

    /// An address may have been verified between the look at it and the withholding: nothing would release its mail then.
    private func releaseVerified(_ withheld: Set<UserID>) async throws {
        let ids = Array(withheld)
        for start in stride(from: 0, to: ids.count, by: 1_000) {
            let part = Array(ids[start..<min(start + 1_000, ids.count)])
            for user in try await users.users(part, .background("mail")) where user.isEmailVerified {
                try await store.release(to: user.id, at: clock.now(), in: store.database)
            }
        }
    }

    private func send(_ notification: Notification, to user: UserSummary) async -> MailOutcome {
        await transport.deliver(
            EmailMessage(
                id: notification.id.description, from: sender,
                to: EmailMessage.Mailbox(name: user.name, address: user.email), date: notification.createdAt,
                subject: notification.title,
                text: body.text(name: user.name, title: notification.title, text: notification.text),
                html: body.html(name: user.name, title: notification.title, text: notification.text)), logger)
    }
}

extension MailTransport {
    /// Delivers the message, or says that it is to be tried again.
    func deliver(_ message: EmailMessage, _ logger: Logger) async -> MailOutcome {
        do throws(ServiceError) {
            try await send(message)
            return .sent
        } catch {
            logger.warning(
                "e-mail put off",
                metadata: ["mail_id": "\(message.id)", "error": "\(error.detail ?? error.message)"])
            return .postponed
        }
    }
}
