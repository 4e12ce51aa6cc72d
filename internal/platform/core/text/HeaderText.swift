/// Text inside HTTP header fields (RFC 9110).
package enum HeaderText {
    /// Whether the text may be a field's value as it is: printable ASCII, spaces and tabs, neither at the ends (section 5.5).
    package static func isValue(_ text: some StringProtocol) -> Bool {
        text.utf8.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x09 }
            && text.trimmingBlanks().utf8.count == text.utf8.count
    }

    /// Whether the text is a `token` (section 5.6.2).
    package static func isToken(_ text: some StringProtocol) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                $0.isASCIILetter || $0.isASCIIDigit || "!#$%&'*+-.^_`|~".utf8.contains($0)
            }
    }

    /// The text as a `quoted-string` (section 5.6.4). Whatever is not printable ASCII becomes `?`.
    package static func quoted(_ text: some StringProtocol) -> String {
        var result: [UInt8] = [UInt8(ascii: "\"")]
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += [UInt8(ascii: "\\"), UInt8(ascii: scalar)]
            case " "..."~": result.append(UInt8(ascii: scalar))
            default: result.append(UInt8(ascii: "?"))
            }
        }
        result.append(UInt8(ascii: "\""))
        return String(decoding: result, as: UTF8.self)
    }
}
