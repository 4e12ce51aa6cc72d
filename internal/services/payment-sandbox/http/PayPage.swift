import HTTPTypes
import SoukHTTP
import SoukMoney
import SoukPayment
import SoukTemplates
import SoukText
import SoukTime

/// The hosted pay page: plain HTML and a form, nothing to download and no script.
struct PayPage: Sendable {
    private let template: HTMLTemplate

    init() {
        do {
            template = try HTMLTemplate(Self.source)
        } catch {
            preconditionFailure("the pay page's template is part of the program: \(error)")
        }
    }

    func reply(for charge: Charge) -> Reply {
        .html(
            template.render(Self.values(for: charge)),
            headers: HTTPFields(.contentSecurityPolicy, Self.policy(returnURL: charge.returnURL)))
    }

    private static func values(for charge: Charge) -> [String: HTMLTemplate.Value] {
        var values: [String: HTMLTemplate.Value] = [
            "amount": .text(charge.amount.formatted), "reference": .text(charge.reference),
            "expires": .text(expiry(of: charge)), "nonce": .text(charge.formNonce),
            "is_open": .flag(charge.status == .pending), "message": .text(message(for: charge)),
        ]
        if charge.status != .pending, let returnURL = charge.returnURL {
            values["return_url"] = .text(returnURL)
        }
        return values
    }

    /// To the second: nobody pays by the microsecond.
    private static func expiry(of charge: Charge) -> String {
        charge.expiresAt.rfc3339.prefix(19).replacing(bytes: "T", with: " ") + " UTC"
    }

    private static func message(for charge: Charge) -> String {
        switch charge.status {
        case .pending: "Choose what your bank would say."
        case .authorized: "Authorized. The shop takes the money when it sends the goods."
        case .captured: "Paid. Thank you!"
        case .failed: "Declined. No money was taken."
        case .expired: "The time to pay has run out. No money was taken."
        case .cancelled: "The shop has cancelled this payment. No money was taken."
        }
    }

    /// Browsers hold `form-action` against the redirect that answers a form, too: the shop's origin has to be in it.
    private static func policy(returnURL: String?) -> String {
        let origin = returnURL.flatMap(WebURL.init).map { " \($0.origin)" }
        return
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'\(origin ?? ""); base-uri 'none'; "
            + "frame-ancestors 'none'"
    }

    private static let source = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Pay {{amount}}</title>
        <style>
        body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; background: #f4f1ea; color: #222; }
        main { max-width: 24rem; margin: 10vh auto; padding: 2rem; background: #fff; border-radius: .75rem; }
        h1 { font-size: 2rem; margin: 0 0 .5rem; }
        small { color: #666; overflow-wrap: anywhere; }
        button { font: inherit; padding: .6rem 1.4rem; margin: 1rem .5rem 0 0; border: 1px solid #222;
          border-radius: .5rem; background: #fff; cursor: pointer; }
        button.pay { background: #1b6b4a; border-color: #1b6b4a; color: #fff; }
        </style>
        </head>
        <body>
        <main>
        <p>Souk sandbox: no real money moves here.</p>
        <h1>{{amount}}</h1>
        <p role="status">{{message}}</p>
        {{#is_open}}
        <p>Pay before {{expires}}.</p>
        <form method="post">
        <input type="hidden" name="form_nonce" value="{{nonce}}">
        <button class="pay" name="outcome" value="success">Pay</button>
        <button name="outcome" value="decline">Decline</button>
        </form>
        {{/is_open}}
        {{#return_url}}
        <p><a href="{{link(return_url)}}">Back to the shop</a></p>
        {{/return_url}}
        <p><small>Charge {{reference}}</small></p>
        </main>
        </body>
        </html>

        """
}
