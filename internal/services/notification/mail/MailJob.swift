import Logging
import SoukAuthKernel
import SoukCallContext
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukTime

/// Sends the e-mails that wait: looks the addresses up, writes the message, marks it sent.
///
/// A crash between writing and marking writes the same message again under the same id. Where several processes send,
/// each takes its own share.
struct MailJob: Sendable {
    /// How long one process may keep a batch to itself.
    private static let lease: Duration = .seconds(300)

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
            let now = clock.now()
            let due = try await store.takeDueEmails(at: now, until: now + Self.lease, limit: 100)
            guard !due.isEmpty else { return }
            var waiting = due[...]
            do {
                let ids = Array(Set(due.map(\.userID)))
                let found = try await users.users(ids, .background("mail"))
                let addresses = Dictionary(found.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
                while let notification = waiting.first {
                    try Task.checkCancellation()
                    try await deliver(notification, to: addresses[notification.userID])
                    waiting.removeFirst()
                }
            } catch {
                await giveBack(waiting.map(\.id), dueSince: now)
                throw error
            }
        }
    }

    private func giveBack(_ ids: [NotificationID], dueSince time: Timestamp) async {
        // In a task of its own, waited for: a job that was cancelled lets go, too.
        let outcome = await Task { [store] in try await store.giveBack(ids, at: time) }.result
        if case .failure(let error) = outcome {
            logger.warning("e-mails wait for the end of their lease", metadata: ["error": "\(error)"])
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
