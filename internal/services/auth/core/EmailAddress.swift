import SoukAPI
import SoukText

/// The one form under which an e-mail address is stored, compared and throttled.
enum EmailAddress {
    /// Trimmed, ASCII letters in lower case. Says nothing about whether it is an address at all.
    static func normalised(_ text: String) -> String {
        text.trimmingLineEnd().trimmingBlanks().lowercasedASCII()
    }

    /// The address without the detail after a `+`, which most providers deliver to the same mailbox (RFC 5233).
    static func mailbox(of normalised: String) -> String {
        guard let (local, domain) = normalised.split(atLast: "@") else { return normalised }
        return "\(local.prefix(beforeByte: "+"))@\(domain)"
    }

    /// Whether the normalised text can be registered.
    static func isValid(_ normalised: String) -> Bool {
        TextRules.isEmail(normalised)
    }
}
