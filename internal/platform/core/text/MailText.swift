import FoundationEssentials

/// Text inside the header of an e-mail (RFC 5322, RFC 2047).
package enum MailText {
    /// The text as a `phrase`, such as the name before an address: atoms where it has nothing else, or encoded words.
    package static func phrase(_ text: String) -> String {
        let words = text.split(byte: " ", omittingEmptySubsequences: false)
        let isAtoms =
            text.utf8.count <= maxPlain && words.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isAtomText) }
        return isAtoms && !text.contains(bytes: "=?") ? text : encodedWords(text)
    }

    /// The text as unstructured content, such as a subject: unchanged where it is printable ASCII, or encoded words.
    package static func unstructured(_ text: String) -> String {
        let isPlain =
            text.utf8.count <= maxPlain && HeaderText.isValue(text)
            && !text.contains(byte: "\t") && !text.contains(bytes: "=?")
        return isPlain ? text : encodedWords(text)
    }

    /// Whether the text is a plain address: `local@domain` in ASCII, no quoting, no comments.
    ///
    /// The local part is an RFC 5321 dot-string of at most 64 bytes; the domain has at least two labels.
    package static func isAddress(_ text: some StringProtocol) -> Bool {
        guard text.utf8.count <= 254 else { return false }
        let parts = text.split(byte: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...64).contains(parts[0].utf8.count) else { return false }
        let atoms = parts[0].split(byte: ".", omittingEmptySubsequences: false)
        let labels = parts[1].split(byte: ".", omittingEmptySubsequences: false)
        return atoms.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isAtomText) }
            && labels.count >= 2 && labels.allSatisfy { HostText.isLabel($0) }
    }

    /// Longest text that stays on the field's first line.
    private static let maxPlain = 60

    /// Encoded words of at most 75 characters, folded. No line end and no encoded word of the text's own survives, so it can
    /// neither begin a field nor be read as anything but itself.
    private static func encodedWords(_ text: String) -> String {
        var words: [String] = []
        var chunk: [UInt8] = []
        for scalar in text.unicodeScalars {
            let bytes = Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            if !chunk.isEmpty, chunk.count + bytes.count > 45 {
                words.append(word(chunk))
                chunk = []
            }
            chunk += bytes
        }
        words.append(word(chunk))
        return words.joined(separator: "\r\n ")
    }

    private static func word(_ bytes: [UInt8]) -> String {
        "=?utf-8?B?\(Data(bytes).base64EncodedString())?="
    }

    /// `atext` of RFC 5322, section 3.2.3.
    private static func isAtomText(_ byte: UInt8) -> Bool {
        byte.isASCIIDigit || byte.isASCIILetter || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
    }
}
