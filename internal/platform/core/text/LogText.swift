/// Text on one line of a log or a terminal.
package enum LogText {
    /// The text with everything written as `\n` or `\u001b` that could end the line, command a terminal or reorder what is shown.
    package static func escaped(_ text: some StringProtocol) -> String {
        var bytes: [UInt8] = []
        bytes.appendLogText(text)
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension [UInt8] {
    /// Appends the text as ``LogText/escaped(_:)``, with `…` for what is beyond `limit` bytes.
    ///
    /// - Parameter quotes: whether double quotes are escaped too, as in a JSON string (RFC 8259).
    package mutating func appendLogText(
        _ text: some StringProtocol, escapingQuotes quotes: Bool = false, limit: Int = .max
    ) {
        let start = count
        for scalar in text.unicodeScalars {
            if count - start > limit {
                append(contentsOf: "…".utf8)
                return
            }
            switch scalar {
            case "\"" where quotes: append(contentsOf: #"\""#.utf8)
            case "\\": append(contentsOf: #"\\"#.utf8)
            case "\n": append(contentsOf: #"\n"#.utf8)
            case "\r": append(contentsOf: #"\r"#.utf8)
            case "\t": append(contentsOf: #"\t"#.utf8)
            case " "..."~": append(UInt8(ascii: scalar))
            case _ where scalar.isHidden: UTF16.encode(scalar)?.forEach { appendHex($0) }
            default: append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }

    private mutating func appendHex(_ unit: UInt16) {
        let digits = String(unit, radix: 16)
        append(contentsOf: #"\u"#.utf8)
        append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
        append(contentsOf: digits.utf8)
    }
}

extension Unicode.Scalar {
    /// Whether the scalar shows nothing of its own, or nothing known: control and format characters, line and paragraph
    /// separators, private use, unassigned.
    package var isHidden: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
            true
        default: false
        }
    }
}
