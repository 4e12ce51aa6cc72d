/// Names and addresses of hosts, as they are written.
package enum HostText {
    /// Whether the text is a label of a host name: 1 to 63 letters, digits and hyphens, no hyphen at either end (RFC 1123).
    package static func isLabel(_ text: some StringProtocol) -> Bool {
        (1...63).contains(text.utf8.count) && !text.hasPrefix(bytes: "-") && !text.hasSuffix(bytes: "-")
            && text.utf8.allSatisfy { $0.isASCIIDigit || $0.isASCIILetter || $0 == UInt8(ascii: "-") }
    }

    /// The bytes of a dotted-decimal IPv4 address; `nil` for anything else, also for leading zeros.
    package static func ipv4(_ text: some StringProtocol) -> [UInt8]? {
        let parts = text.split(byte: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy(\.isASCIIDigit),
                part.utf8.count == 1 || !part.hasPrefix(bytes: "0"), let byte = UInt8(part)
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    /// The eight groups of an IPv6 address (RFC 4291, section 2.2), without a zone; `nil` for anything else.
    package static func ipv6(_ text: some StringProtocol) -> [UInt16]? {
        guard let gap = text.range(ofBytes: "::") else {
            return groups(text).flatMap { $0.count == 8 ? $0 : nil }
        }
        let (before, after) = (text[..<gap.lowerBound], text[gap.upperBound...])
        guard let head = before.isEmpty ? [] : groups(before, mayEndInIPv4: false),
            let tail = after.isEmpty ? [] : groups(after), head.count + tail.count <= 7
        else { return nil }
        return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    private static func groups(_ text: some StringProtocol, mayEndInIPv4: Bool = true) -> [UInt16]? {
        var parts = text.split(byte: ":", omittingEmptySubsequences: false)
        var end: [UInt16] = []
        if mayEndInIPv4, let last = parts.last, last.contains(byte: ".") {
            guard let bytes = ipv4(last) else { return nil }
            end = [UInt16(bytes[0]) << 8 | UInt16(bytes[1]), UInt16(bytes[2]) << 8 | UInt16(bytes[3])]
            parts.removeLast()
        }
        var groups: [UInt16] = []
        for part in parts {
            guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(\.isHexDigit),
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups + end
    }
}
