import SoukAuthKernel
import SoukTemplates
import SoukTime

/// The words of mails about accounts. Nothing in them was chosen by whoever caused the mail.
struct AccountMailBody: Sendable {
    /// A mail as people read it.
    struct Words: Sendable, Hashable {
        let title: String
        let paragraphs: [String]
        /// What leads on, and where to.
        var link: Link?
        /// What follows the link.
        var closing = ""

        struct Link: Sendable, Hashable {
            let text: String
            let url: String
            /// What to enter where the link is of no use.
            let code: String
        }

        var text: String {
            var lines = [title] + paragraphs
            if let link { lines += ["\(link.text): \(link.url)", "Code: \(link.code)"] }
            lines.append(closing)
            return lines.filter { !$0.isEmpty }.joined(separator: "\r\n\r\n") + "\r\n"
        }
    }

    /// Who writes.
    let market: String
    /// Where the pages for people begin, without a slash at the end.
    let frontendURL: @Sendable () -> String
    private let template: HTMLTemplate

    /// - Throws: ``HTMLTemplateError``, or Mustache's parse error.
    init(market: String, frontendURL: @escaping @Sendable () -> String) throws {
        self.market = market
        self.frontendURL = frontendURL
        template = try HTMLTemplate(
            """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>{{title}}</title></head>
            <body style="margin:0;padding:24px;background:#f6f4ef;font-family:Georgia,serif;color:#222">
            <div style="max-width:560px;margin:0 auto;padding:24px;background:#fff;border:1px solid #ddd">
            <h1 style="font-size:20px;font-weight:normal">{{title}}</h1>
            <p style="line-height:1.5">{{text}}</p>
            {{#linked}}<p><a href="{{link(url)}}">{{label}}</a></p>
            <p style="line-height:1.5">Code: <code>{{code}}</code></p>{{/linked}}
            <p style="line-height:1.5">{{closing}}</p>
            </div></body></html>
            """)
    }

    func html(_ words: Words) -> String {
        template.render([
            "title": .text(words.title), "text": .text(words.paragraphs.joined(separator: " ")),
            "linked": .flag(words.link != nil), "url": .text(words.link?.url ?? ""),
            "label": .text(words.link?.text ?? ""), "code": .text(words.link?.code ?? ""),
            "closing": .text(words.closing),
        ])
    }

    func words(for content: AccountMail.Content) -> Words {
        switch content {
        case .verification(let token, let expiresAt):
            Words(
                title: "Confirm your e-mail address",
                paragraphs: [
                    "This address was given for an account at \(market).",
                    "If that was you, sign in to that account and open this link, or enter the code there.",
                    "Both are good until \(expiresAt.internetMessageDate).",
                ], link: link("Confirm the address", "verify-email", token),
                closing: "If it was not you, ignore this message. That account sends no other mail here.")
        case .addressInUse:
            Words(
                title: "Your e-mail address was given for another account",
                paragraphs: [
                    "You have an account at \(market) with this address, and somebody gave it for another one.",
                    "If that was you, sign in to your account, or reset its password if you forgot it.",
                    "If it was not you, there is nothing to do: your account is as it was.",
                ])
        case .changeRequested:
            Words(
                title: "Your account is to have another e-mail address",
                paragraphs: [
                    "Somebody who is signed in to your account at \(market) and knows its password gave another address for it.",
                    "The new address takes effect once it is confirmed. If that was you, there is nothing to do here.",
                    "If it was not you, change your password now.",
                ])
        case .passwordReset(let token, let expiresAt):
            Words(
                title: "Reset your password",
                paragraphs: [
                    "A new password was asked for, for your account at \(market).",
                    "Open this link, or enter the code where you asked. Both are good until \(expiresAt.internetMessageDate).",
                ], link: link("Choose a new password", "reset-password", token),
                closing: "If it was not you, ignore this message: your password is as it was.")
        }
    }

    /// A page of the front end. The token is in the fragment, which browsers send to no server.
    private func link(_ text: String, _ page: String, _ token: MailToken) -> Words.Link {
        let code = token.reveal()
        return Words.Link(text: text, url: "\(frontendURL())/\(page)#token=\(code)", code: code)
    }
}
