import Foundation
import SoukErrors

/// What a new password must be: long enough, not huge, not the account's own name, not what everybody tries first.
///
/// After NIST SP 800-63B, section 5.1.1.2: length counts, rules about kinds of characters do not.
enum PasswordPolicy {
    static let length = 8...128
    /// Beyond this a password is refused unread, at login too.
    static let maxBytes = 1_024

    /// What is wrong with the password, nil when nothing is.
    static func complaint(about password: String, email: String, field: String = "password") -> FieldError? {
        guard password.utf8.count <= maxBytes, length.contains(password.count) else {
            return FieldError(
                field: field, code: "length",
                message: "The password must have \(length.lowerBound) to \(length.upperBound) characters.")
        }
        let folded = password.lowercased()
        let own = [email, email.split(separator: "@").first.map(String.init) ?? email]
        if own.contains(folded) {
            return FieldError(
                field: field, code: "own_email", message: "The password must not be the e-mail address.")
        }
        if commonest.contains(folded) || Set(folded).count == 1 {
            return FieldError(
                field: field, code: "too_common",
                message: "The password is one of the first that anybody tries.")
        }
        return nil
    }

    /// One form for what looks the same on different keyboards.
    static func normalised(_ password: String) -> String {
        password.precomposedStringWithCanonicalMapping
    }

    private static let commonest: Set<String> = [
        "password", "password1", "password12", "password123", "passw0rd", "p@ssw0rd", "p@ssword", "12345678",
        "123456789", "1234567890", "87654321", "987654321", "0123456789", "12341234", "11223344", "qwertyui",
        "qwertyuiop", "qwerty12", "qwerty123", "1q2w3e4r", "1q2w3e4r5t", "1qaz2wsx", "asdfghjk", "asdfghjkl",
        "zxcvbnm1", "abc12345", "abcd1234", "abcdefgh", "iloveyou", "sunshine", "princess", "football",
        "baseball", "superman", "trustno1", "welcome1", "letmein1", "whatever", "michelle", "jennifer",
        "starwars", "computer", "internet", "changeme", "administrator",
    ]
}
