import Logging
import SoukAuthKernel
import SoukCallContext
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukTime

/// Sends the mails about accounts. Their content, with its secret, is asked of the auth service when they are sent, and goes
/// to the mailbox only: what is kept here is the request.
struct AccountMailJob: Sendable {
    let store: NotificationStore
    let mails: any AccountMailKernel
    let transport: any MailTransport
    let body: AccountMailBody
    let sender: EmailMessage.Mailbox
    let clock: any WallClock
    let logger: Logger

    /// Works off everything that is due.
    func run() async throws {
        try await store.accountMails.drain(clock, logger, prepare: { _ in }) { request, _ in
            guard let mail = try await mails.mail(for: request, .background("mail")) else {
                return .undeliverable
            }
            let words = body.words(for: mail.content)
            return await transport.deliver(
                EmailMessage(
                    id: request.description, from: sender,
                    // No name: it was chosen by whoever signed up.
                    to: EmailMessage.Mailbox(name: "", address: mail.address), date: clock.now(),
                    subject: words.title, text: words.text, html: body.html(words)), logger)
        }
    }
}
