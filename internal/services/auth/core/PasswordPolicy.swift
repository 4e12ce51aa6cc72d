import Foundation
import SoukErrors
import SoukText

/// What a new password must be: long enough, not huge, not the account's own name, not what everybody tries first.
///
/// After NIST SP 800-63B-4, section 3.1.1.2: at least 15 characters where a password is the only factor, room for 64 and
/// more, every code point one character, no rules about kinds of characters, and a list of common passwords.
struct PasswordPolicy: Sendable {
    /// What the operator may set as the least length: 8 is for accounts with a second factor.
    static let minimumLengths = 8...64
    static let maximumLength = 128
    /// Beyond this a password is refused unread, at login too.
    static let maxBytes = 1_024

    /// In code points.
    var minimumLength = 15

    /// What is wrong with the password, nil when nothing is.
    func complaint(about password: String, email: String, field: String = "password") -> FieldError? {
        guard password.utf8.count <= Self.maxBytes,
            (minimumLength...Self.maximumLength).contains(password.unicodeScalars.count)
        else {
            return FieldError(
                field: field, code: "length",
                message: "The password must have \(minimumLength) to \(Self.maximumLength) characters.")
        }
        // check-text: what anybody may type, in any script
        let folded = password.lowercased()
        let own = [email, String(email.prefix(beforeByte: "@"))]
        if own.contains(folded) {
            return FieldError(
                field: field, code: "own_email", message: "The password must not be the e-mail address.")
        }
        if CommonPasswords.shared.contains(password) || Self.isRepetition(folded) {
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

    /// Whether it is one to four characters again and again, or a common password so: `abcabcabcabcabc`, `passwordpassword`.
    private static func isRepetition(_ password: String) -> Bool {
        let scalars = Array(password.unicodeScalars)
        guard
            let period = (1..<max(scalars.count, 2)).first(where: { period in
                zip(scalars, scalars.dropFirst(period)).allSatisfy { $0 == $1 }
            }), period * 2 <= scalars.count
        else { return false }
        return period <= 4 || CommonPasswords.shared.contains(password.prefix(scalars: period))
    }
}

extension String {
    fileprivate func prefix(scalars count: Int) -> String {
        String(String.UnicodeScalarView(unicodeScalars.prefix(count)))
    }
}
