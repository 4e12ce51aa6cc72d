/// An absolute `http` or `https` URL by the grammar of RFC 3986 exactly: nothing is repaired, decoded or normalized.
///
/// Stricter than the grammar in the authority, where programs differ in what they read: no user information, no empty port, and the
/// host is an IP address in its one canonical way of writing, or a name of letters, digits and hyphens.
package struct WebURL: Sendable {
    /// The host as it is written; an IPv6 address in brackets.
    package let host: String
    /// `nil` where the URL has none.
    package let port: Int?
    /// Scheme, host and port as they are written: `https://shop.example:8443`.
    package let origin: String

    /// `nil` when the text is no such URL.
    package init?(_ text: String) {
        let isSecure = text.utf8.prefix(8).map(\.lowercasedASCII).elementsEqual("https://".utf8)
        guard isSecure || text.utf8.prefix(7).map(\.lowercasedASCII).elementsEqual("http://".utf8) else {
            return nil
        }
        let start = text.utf8.index(text.startIndex, offsetBy: isSecure ? 8 : 7)
        let end = text.utf8[start...].firstIndex { "/?#".utf8.contains($0) } ?? text.endIndex
        guard let (host, port) = Self.authority(text[start..<end]), Self.isTail(text[end...]) else {
            return nil
        }
        self.host = String(host)
        self.port = port
        origin = String(text[..<end])
    }

    /// Whether the host may be on the public internet: an address of global unicast that is not reserved, or a name of two or more
    /// labels outside the domains for local networks.
    package var isPublic: Bool {
        if let bytes = HostText.ipv4(host) { return PublicAddress.isPublic(ipv4: bytes) }
        if host.hasPrefix(bytes: "[") {
            return HostText.ipv6(host.dropFirst().dropLast()).map(PublicAddress.isPublic(ipv6:)) ?? false
        }
        let labels = host.lowercasedASCII().split(byte: ".")
        guard labels.count >= 2, let top = labels.last else { return false }
        let isLocal = ["localhost", "local", "internal", "intranet", "lan", "home", "corp"].contains(
            String(top))
        return !isLocal && !host.lowercasedASCII().hasSuffix(bytes: ".home.arpa")
    }

    private static func authority(_ text: Substring) -> (host: Substring, port: Int?)? {
        let hostEnd: String.Index
        if text.hasPrefix(bytes: "[") {
            guard let bracket = text.firstIndex(ofByte: "]"),
                HostText.ipv6(text[text.utf8.index(after: text.startIndex)..<bracket]) != nil
            else { return nil }
            hostEnd = text.utf8.index(after: bracket)
        } else {
            hostEnd = text.firstIndex(ofByte: ":") ?? text.endIndex
            guard isName(text[..<hostEnd]) else { return nil }
        }
        let host = text[..<hostEnd]
        guard hostEnd < text.endIndex else { return (host, nil) }
        let digits = text[text.utf8.index(after: hostEnd)...]
        guard text.utf8[hostEnd] == UInt8(ascii: ":"), (1...5).contains(digits.utf8.count),
            digits.utf8.allSatisfy(\.isASCIIDigit), let port = Int(digits), (1...65_535).contains(port)
        else { return nil }
        return (host, port)
    }

    /// A host name, or an IPv4 address. What ends in a number is an address to many resolvers (`2130706433`, `0x7f.1`): it has to be
    /// a dotted-decimal one.
    private static func isName(_ host: Substring) -> Bool {
        guard host.utf8.count <= 253 else { return false }
        let labels = host.split(byte: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy(HostText.isLabel), let last = labels.last else { return false }
        let isNumber =
            last.utf8.allSatisfy(\.isASCIIDigit)
            || last.lowercasedASCII().hasPrefix(bytes: "0x")
                && last.utf8.dropFirst(2).allSatisfy(\.isHexDigit)
        return !isNumber || HostText.ipv4(host) != nil
    }

    /// Path, query and fragment: `pchar`, `/`, `?` and one `#`; a percent sign has two hexadecimal digits after it.
    private static func isTail(_ text: Substring) -> Bool {
        let bytes = Array(text.utf8)
        var fragments = 0
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "%"):
                guard index + 2 < bytes.count, bytes[index + 1].isHexDigit, bytes[index + 2].isHexDigit else {
                    return false
                }
            case UInt8(ascii: "#"): fragments += 1
            case _ where PercentEncoding.isUnreserved(byte) || PercentEncoding.isSubDelimiter(byte): break
            case UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "/"), UInt8(ascii: "?"): break
            default: return false
            }
        }
        return fragments <= 1
    }
}
