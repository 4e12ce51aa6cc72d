import Logging
import SoukText

/// Hides metadata whose key says that the value is a secret.
///
/// A net under the rule that secrets are not logged, not a replacement for it: it sees keys, not values.
enum Redaction {
    static let placeholder = "<redacted>"

    static func apply(to metadata: Logger.Metadata) -> Logger.Metadata {
        var result = metadata
        for (key, value) in metadata {
            result[key] = isSecret(key) ? .string(placeholder) : apply(to: value)
        }
        return result
    }

    private static func apply(to value: Logger.MetadataValue) -> Logger.MetadataValue {
        switch value {
        case .dictionary(let inner): .dictionary(apply(to: inner))
        case .array(let values): .array(values.map { apply(to: $0) })
        case .string, .stringConvertible: value
        }
    }

    /// Whether a key looks like that of a secret, in any spelling: `refresh_token`, `Set-Cookie`,
    /// `cardNumber`.
    static func isSecret(_ key: String) -> Bool {
        let words = words(of: key)
        let joined = words.joined()
        return fragments.contains { joined.contains($0) } || words.contains { secretWords.contains($0) }
    }

    /// Telling enough to be looked for inside words.
    private static let fragments = [
        "password", "passwd", "passphrase", "secret", "token", "authorization", "cookie", "apikey",
        "privatekey",
    ]

    /// Only as whole words: `card` hides in `discarded`.
    private static let secretWords: Set<String> = [
        "card", "cards", "cvc", "cvv", "pan", "credential", "credentials",
    ]

    private static func words(of key: String) -> [String] {
        var words: [String] = []
        var current = ""
        var previousIsLower = false
        for byte in key.utf8 {
            let isWord = byte.isASCIILetter || byte.isASCIIDigit
            if !isWord || previousIsLower && byte != byte.lowercasedASCII {
                if !current.isEmpty { words.append(current) }
                current = ""
            }
            if isWord { current.unicodeScalars.append(Unicode.Scalar(byte.lowercasedASCII)) }
            previousIsLower = byte != byte.uppercasedASCII
        }
        if !current.isEmpty { words.append(current) }
        return words
    }
}
