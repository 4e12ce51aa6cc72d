import Foundation
import SoukAPI

/// The one form under which an e-mail address is stored, compared and throttled.
enum EmailAddress {
    /// Trimmed, lower case, Unicode form C. Says nothing about whether it is an address at all.
    static func normalised(_ text: String) -> String {
        text.trimmingCharacters(in: .whitespacesAndNewlines).lowercased()
            .precomposedStringWithCanonicalMapping
    }

    /// Whether the normalised text can be registered.
    static func isValid(_ normalised: String) -> Bool {
        TextRules.isEmail(normalised)
    }
}
