/// method SP request-target SP HTTP-version (RFC 9112, section 3), as offsets.
struct RequestLine {
    let method: RequestMethod
    let methodLength: Int
    let target: Range<Int>
    let minorVersion: UInt8
    /// The authority of an absolute-form target.
    private(set) var authority: Range<Int>?
    private(set) var path: Range<Int>
    /// Path and query.
    private(set) var origin: Range<Int>

    /// Reads `line`, which starts at 0 and is without its CRLF.
    ///
    /// Throws: `badRequest`, `targetTooLong`, `versionNotSupported`.
    init(
        _ bytes: UnsafeRawBufferPointer, _ line: Range<Int>, maxTargetBytes: Int
    ) throws(WireError) {
        var index = 0
        while index < line.upperBound, ByteClass.isToken(bytes[index]) { index += 1 }
        guard index > 0, index < line.upperBound, bytes[index] == .space else {
            throw .badRequest("The request line has no method that a single space follows.")
        }
        guard index <= HeadLimits.maxMethodBytes else { throw .badRequest("The method is too long.") }
        methodLength = index
        method = RequestMethod(bytes, length: index)

        let start = index + 1
        index = start
        while index < line.upperBound, ByteClass.isTarget(bytes[index]) { index += 1 }
        target = start..<index
        guard target.count <= maxTargetBytes else { throw .targetTooLong }
        guard !target.isEmpty else { throw .badRequest("The request line has no target, or two spaces.") }
        // A line that ends here is HTTP/0.9's.
        guard index < line.upperBound else { throw .versionNotSupported }
        guard bytes[index] == .space else {
            throw .badRequest("The target contains a character that is not allowed.")
        }
        minorVersion = try Self.minorVersion(bytes, index + 1..<line.upperBound)
        (path, origin) = (target, target)
        try takeForm(bytes)
    }

    /// HTTP-version = "HTTP/" DIGIT "." DIGIT, case-sensitive (RFC 9112, section 2.3).
    static func minorVersion(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>
    ) throws(WireError) -> UInt8 {
        let start = range.lowerBound
        guard range.count == 8, bytes[start] == UInt8(ascii: "H"), bytes[start + 1] == UInt8(ascii: "T"),
            bytes[start + 2] == UInt8(ascii: "T"), bytes[start + 3] == UInt8(ascii: "P"),
            bytes[start + 4] == UInt8(ascii: "/"), ByteClass.isDigit(bytes[start + 5]),
            bytes[start + 6] == UInt8(ascii: "."), ByteClass.isDigit(bytes[start + 7])
        else { throw .badRequest("The HTTP version is malformed.") }
        guard bytes[start + 5] == UInt8(ascii: "1"), bytes[start + 7] <= UInt8(ascii: "1") else {
            throw .versionNotSupported
        }
        return bytes[start + 7] - UInt8(ascii: "0")
    }

    /// RFC 9112, section 3.2: origin-form, absolute-form, `*` for OPTIONS.
    private mutating func takeForm(_ bytes: UnsafeRawBufferPointer) throws(WireError) {
        guard method != .connect else { throw .badRequest("CONNECT is not served here.") }
        if bytes[target.lowerBound] == UInt8(ascii: "/") {
            path = Self.withoutQuery(bytes, target)
            return
        }
        if target.count == 1, bytes[target.lowerBound] == UInt8(ascii: "*") {
            guard method == .options else { throw .badRequest("Only OPTIONS may have the target *.") }
            return
        }
        let scheme = ["http://", "https://"].first { (scheme: StaticString) in
            scheme.utf8CodeUnitCount < target.count
                && bytes.hasText(
                    scheme, in: target.lowerBound..<target.lowerBound + scheme.utf8CodeUnitCount)
        }
        guard let scheme else {
            throw .badRequest("The target is neither a path nor an http or https URI.")
        }
        try takeAbsolute(bytes, from: target.lowerBound + scheme.utf8CodeUnitCount)
    }

    private mutating func takeAbsolute(
        _ bytes: UnsafeRawBufferPointer, from start: Int
    ) throws(WireError) {
        var end = start
        while end < target.upperBound, bytes[end] != UInt8(ascii: "/"), bytes[end] != UInt8(ascii: "?") {
            end += 1
        }
        guard Authority.isValid(bytes, start..<end) else {
            throw .badRequest("The target's authority is malformed.")
        }
        authority = start..<end
        if end == target.upperBound, method != .options {
            // An empty path is sent on as "/" (RFC 9112, section 3.2.1): the scheme's second one serves.
            origin = start - 1..<start
        } else {
            // Not so a query without a path, nor OPTIONS without one, which would have to become "*" (3.2.4).
            guard end < target.upperBound, bytes[end] == UInt8(ascii: "/") else {
                throw .badRequest("The target has no path.")
            }
            origin = end..<target.upperBound
        }
        path = Self.withoutQuery(bytes, origin)
    }

    private static func withoutQuery(_ bytes: UnsafeRawBufferPointer, _ origin: Range<Int>) -> Range<Int> {
        var end = origin.lowerBound
        while end < origin.upperBound, bytes[end] != UInt8(ascii: "?") { end += 1 }
        return origin.lowerBound..<end
    }
}

/// uri-host [ ":" port ], what Host holds (RFC 9110, section 7.2; RFC 3986, section 3.2).
enum Authority {
    /// Names for the DNS or an IPv6 address in brackets, a port of one to five digits. No user information,
    /// no sub-delims, no percent-encoding: a registered name looked up in the DNS has none of these
    /// (RFC 3986, section 3.2.2), and what splits or decodes it later could see another host.
    static func isValid(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        if index < range.upperBound, bytes[index] == UInt8(ascii: "[") {
            index += 1
            while index < range.upperBound, isAddress(bytes[index]) { index += 1 }
            guard index > range.lowerBound + 2, index < range.upperBound, bytes[index] == UInt8(ascii: "]")
            else {
                return false
            }
            index += 1
        } else {
            while index < range.upperBound, isName(bytes[index]) { index += 1 }
            guard index > range.lowerBound else { return false }
        }
        if index == range.upperBound { return true }
        guard bytes[index] == UInt8(ascii: ":") else { return false }
        let port = index + 1..<range.upperBound
        return (1...5).contains(port.count) && port.allSatisfy { ByteClass.isDigit(bytes[$0]) }
    }

    @inline(__always) private static func isName(_ byte: UInt8) -> Bool {
        ByteClass.isLetter(byte) || ByteClass.isDigit(byte) || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }

    @inline(__always) private static func isAddress(_ byte: UInt8) -> Bool {
        ByteClass.hexValue(byte) != nil || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
    }
}
