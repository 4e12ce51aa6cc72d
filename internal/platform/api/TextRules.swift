import FoundationEssentials

/// Forms that strings of requests may be held to.
package enum TextRules {
    /// Whether the text is a plain address: `local@domain` in ASCII, no quoting, no comments.
    ///
    /// The local part is an RFC 5321 dot-string of at most 64 bytes; the domain has at least two labels.
    package static func isEmail(_ text: String) -> Bool {
        guard text.utf8.count <= 254 else { return false }
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...64).contains(parts[0].utf8.count) else { return false }
        let atoms = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return atoms.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isAtomText) }
            && labels.count >= 2 && labels.allSatisfy(isHostLabel)
    }

    /// Whether the text is an absolute `http` or `https` URL with a host and without user or password.
    package static func isWebURL(_ text: String) -> Bool {
        guard text.utf8.count <= 2_048, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
            let parts = URLComponents(string: text)
        else { return false }
        let scheme = parts.scheme?.lowercased()
        return (scheme == "http" || scheme == "https") && parts.host?.isEmpty == false
            && parts.user == nil && parts.password == nil
    }

    /// Whether the text is lower-case ASCII letters, digits and single hyphens between them.
    package static func isSlug(_ text: String) -> Bool {
        !text.isEmpty
            && text.split(separator: "-", omittingEmptySubsequences: false).allSatisfy { part in
                !part.isEmpty
                    && part.utf8.allSatisfy {
                        isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    }
            }
    }

    /// What is wrong with the characters of the text; `nil` when nothing is.
    static func complaint(about value: String, as text: FieldReader.Text) -> String? {
        switch text {
        case .opaque:
            return value.utf8.contains(0) ? "The value must not contain NUL." : nil
        case .paragraphs:
            let bad = value.unicodeScalars.contains {
                isControl($0) && $0 != "\n" && $0 != "\t" && $0 != "\r"
            }
            return bad ? "The value must not contain control characters other than newline and tab." : nil
        case .line:
            if value.unicodeScalars.contains(where: { isControl($0) || $0 == "\u{2028}" || $0 == "\u{2029}" })
            {
                return "The value must not contain control characters."
            }
            let atEnds = value.first?.isWhitespace == true || value.last?.isWhitespace == true
            return atEnds ? "The value must not begin or end with white space." : nil
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    /// `atext` of RFC 5322, section 3.2.3.
    private static func isAtomText(_ byte: UInt8) -> Bool {
        isDigit(byte) || isLetter(byte) || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
    }

    private static func isHostLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
            && label.utf8.allSatisfy { isDigit($0) || isLetter($0) || $0 == UInt8(ascii: "-") }
    }
}
