import Logging
import SoukAuthKernel
import SoukCallContext
import SoukErrors
import SoukIDs
import SoukTime

/// Sends the e-mails that wait: looks the addresses up, writes the message, marks it sent.
///
/// A crash between writing and marking writes the same message again under the same id.
struct MailJob: Sendable {
    let store: NotificationStore
    let users: any AuthKernel
    let transport: any MailTransport
    let body: MailBody
    let sender: EmailMessage.Mailbox
    let clock: any WallClock
    let logger: Logger

    /// Works off everything that is due.
    func run() async throws {
        while true {
            let due = try await store.dueEmails(at: clock.now(), limit: 100)
            guard !due.isEmpty else { return }
            let ids = Array(Set(due.map(\.userID)))
            let found = try await users.users(ids, .background("mail"))
            let addresses = Dictionary(found.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
            for notification in due {
                try Task.checkCancellation()
                try await deliver(notification, to: addresses[notification.userID])
            }
        }
    }

    private func deliver(_ notification: Notification, to user: UserSummary?) async throws {
        guard let user, user.isActive else {
            try await store.markUndeliverable(notification.id)
            return
        }
        let message = EmailMessage(
            id: notification.id.description, from: sender,
            to: EmailMessage.Mailbox(name: user.name, address: user.email), date: notification.createdAt,
            subject: notification.title,
            text: body.text(name: user.name, title: notification.title, text: notification.text),
            html: body.html(name: user.name, title: notification.title, text: notification.text))
        do throws(ServiceError) {
            try await transport.send(message)
        } catch {
            logger.warning(
                "e-mail put off",
                metadata: [
                    "notification_id": "\(notification.id)", "error": "\(error.detail ?? error.message)",
                ])
            try await store.postpone(notification.id, from: clock.now())
            return
        }
        try await store.markSent(notification.id)
    }
}
