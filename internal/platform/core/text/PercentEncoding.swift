/// Percent-encoding of RFC 3986, section 2.
package enum PercentEncoding {
    /// The text as one component of a URI, such as a path segment or a query value: all but unreserved characters encoded.
    package static func component(_ text: some StringProtocol) -> String {
        encoded(text, keeping: isUnreserved)
    }

    /// The text with every code unit encoded that `isKept` refuses.
    static func encoded(_ text: some StringProtocol, keeping isKept: (UInt8) -> Bool) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if isKept(byte) {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), hexDigit(byte >> 4), hexDigit(byte & 0xF)]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// `unreserved` of RFC 3986, section 2.3.
    static func isUnreserved(_ byte: UInt8) -> Bool {
        byte.isASCIILetter || byte.isASCIIDigit || "-._~".utf8.contains(byte)
    }

    /// `sub-delims` of RFC 3986, section 2.2.
    static func isSubDelimiter(_ byte: UInt8) -> Bool {
        "!$&'()*+,;=".utf8.contains(byte)
    }

    /// What occurs anywhere in a URI: unreserved, reserved, and the percent sign.
    static func isURIByte(_ byte: UInt8) -> Bool {
        isUnreserved(byte) || isSubDelimiter(byte) || ":/?#[]@%".utf8.contains(byte)
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
