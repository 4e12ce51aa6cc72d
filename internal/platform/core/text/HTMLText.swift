/// Text inside HTML, as the HTML standard's tokenizer reads it: code point by code point.
package enum HTMLText {
    /// The text as element content or inside a quoted attribute value.
    ///
    /// `& < > " '` and the grave accent become character references; control characters other than tab and line ends, which HTML
    /// does not allow, become U+FFFD. Not for unquoted attributes, script, style, comments, or attributes that hold a URL.
    package static func escaped(_ text: some StringProtocol) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "&"): result += "&amp;".utf8
            case UInt8(ascii: "<"): result += "&lt;".utf8
            case UInt8(ascii: ">"): result += "&gt;".utf8
            case UInt8(ascii: "\""): result += "&quot;".utf8
            case UInt8(ascii: "'"): result += "&#39;".utf8
            case UInt8(ascii: "`"): result += "&#96;".utf8
            case 0x09, 0x0A, 0x0D: result.append(byte)
            case 0..<0x20, 0x7F: result += UTF8.encodedReplacementCharacter
            default: result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// What a link may point to: the text if it is an `http` or `https` URL or a path of this origin, with every code unit that a
    /// URI can't hold percent-encoded; else `#`, which leads nowhere.
    ///
    /// The result is still to be escaped as ``escaped(_:)``, as `&` is part of many URLs.
    package static func link(_ text: String) -> String {
        let isPath =
            text.hasPrefix(bytes: "/") && !text.hasPrefix(bytes: "//") && !text.hasPrefix(bytes: "/\\")
        let scheme = text.split(byte: ":", maxSplits: 1, omittingEmptySubsequences: false)[0]
        let isWeb =
            (scheme.equals(ignoringASCIICase: "https") || scheme.equals(ignoringASCIICase: "http"))
            && text.utf8.dropFirst(scheme.utf8.count).starts(with: "://".utf8)
        return isPath || isWeb ? PercentEncoding.encoded(text, keeping: PercentEncoding.isURIByte) : "#"
    }
}
