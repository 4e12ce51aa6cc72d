import Mustache
import SoukIDs

/// The words of every kind of message, as Mustache templates over string values.
///
/// Titles and texts are plain text; the HTML of an e-mail is made from them by ``MailBody``, which escapes.
struct MessageCatalogue: Sendable {
    private struct Entry: Sendable {
        let title: MustacheTemplate
        let text: MustacheTemplate
    }

    private let entries: [NotificationKind: Entry]

    /// Parses every template, so that a broken one is found at start.
    ///
    /// - Throws: Mustache's parse error.
    init() throws {
        var entries: [NotificationKind: Entry] = [:]
        for kind in NotificationKind.allCases {
            let (title, text) = Self.words(for: kind)
            entries[kind] = Entry(
                title: try MustacheTemplate(string: Self.plain + title),
                text: try MustacheTemplate(string: Self.plain + text))
        }
        self.entries = entries
    }

    /// - Parameters:
    ///   - values: what the templates of this kind name; a missing or empty value renders as nothing.
    ///   - subject: ids for links.
    func draft(
        _ kind: NotificationKind, to user: UserID, values: [String: String] = [:],
        subject: [String: String] = [:]
    ) -> Draft {
        guard let entry = entries[kind] else { preconditionFailure("init makes an entry for every kind") }
        // To Mustache an empty string is something, so a section would appear for it.
        let values = values.filter { !$0.value.isEmpty }
        return Draft(
            userID: user, kind: kind, title: entry.title.render(values), text: entry.text.render(values),
            subject: subject)
    }

    /// Tells Mustache that the output isn't HTML and needs no escaping.
    private static let plain = "{{% CONTENT_TYPE:TEXT}}"

    private static func words(for kind: NotificationKind) -> (title: String, text: String) {
        switch kind {
        case .welcome:
            ("Welcome, {{name}}", "Your account is ready. We are glad that you are here.")
        case .orderPaid:
            ("Order {{number}} is paid", "Thank you. We received {{total}} and told the sellers to pack.")
        case .orderCancelled:
            (
                "Order {{number}} was cancelled",
                "{{reason}}{{#paid}} What you paid is on its way back to you.{{/paid}}"
            )
        case .paymentFailed:
            (
                "A payment did not go through",
                "The payment for your order failed: {{reason}}. Nothing was charged."
            )
        case .refunded:
            (
                "We refunded {{amount}}",
                "{{amount}} went back to where you paid from; {{total}} in all for this order."
            )
        case .shipped:
            (
                "A parcel of order {{number}} is on its way",
                "It travels with {{carrier}}{{#tracking}} under the number {{tracking}}{{/tracking}}."
            )
        case .delivered:
            ("A part of order {{number}} was delivered", "We hope that you like it.")
        case .returnRequested:
            (
                "Return asked for on order {{number}}",
                "A customer would like to return goods worth {{amount}}. Please approve or reject it."
            )
        case .returnApproved:
            ("Your return on order {{number}} was approved", "{{amount}} will be refunded.")
        case .returnRejected:
            ("Your return on order {{number}} was declined", "The seller says: {{reason}}")
        case .vendorOrder:
            (
                "New order {{number}}",
                "You sold goods worth {{total}}. The stock is set aside for you to pack."
            )
        case .vendorStatus:
            ("{{name}} is now {{status}}", "{{#reason}}The reason given: {{reason}}{{/reason}}")
        case .stockLow:
            (
                "{{sku}} is running low",
                "{{store}} has {{available}} left to sell; you asked to hear of it at {{threshold}}."
            )
        }
    }
}
