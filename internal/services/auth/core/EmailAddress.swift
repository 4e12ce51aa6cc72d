import SoukAPI
import SoukText

/// The one form under which an e-mail address is stored, compared and throttled.
enum EmailAddress {
    /// Trimmed, ASCII letters in lower case. Says nothing about whether it is an address at all.
    static func normalised(_ text: String) -> String {
        text.trimmingLineEnd().trimmingBlanks().lowercasedASCII()
    }

    /// Whether the normalised text can be registered.
    static func isValid(_ normalised: String) -> Bool {
        TextRules.isEmail(normalised)
    }
}
