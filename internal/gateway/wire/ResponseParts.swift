import NIOCore

/// HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112, section 4), as offsets.
struct StatusLine {
    let minorVersion: UInt8
    let status: Int
    let reason: Range<Int>

    /// Reads `line`, which starts at 0 and is without its CRLF.
    ///
    /// Throws: `badRequest`, `versionNotSupported`.
    init(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) throws(WireError) {
        let start = "HTTP/1.1 ".utf8.count
        guard line.count > start + 3, bytes[start - 1] == .space, bytes[start + 3] == .space else {
            throw .badRequest("The status line is malformed.")
        }
        minorVersion = try RequestLine.minorVersion(bytes, 0..<start - 1)
        var status = 0
        for index in start..<start + 3 {
            guard ByteClass.isDigit(bytes[index]) else { throw .badRequest("The status is no number.") }
            status = status * 10 + Int(bytes[index] - UInt8(ascii: "0"))
        }
        // RFC 9110, section 15.
        guard (100...599).contains(status) else {
            throw .badRequest("The status is not between 100 and 599.")
        }
        self.status = status
        reason = start + 4..<line.upperBound
        guard bytes.isText(in: reason) else {
            throw .badRequest("The reason phrase contains a control character.")
        }
    }
}

/// What the status line, the fields and the request's method together say of a response.
struct ResponseParts {
    let line: StatusLine
    /// Of the whole head.
    let length: Int
    let framing: BodyFraming
    let persists: Bool
    let connectionNamesFields: Bool

    /// Throws: `badRequest`, `notImplemented`.
    init(
        _ bytes: UnsafeRawBufferPointer, _ fields: [HeadField], _ line: StatusLine, _ method: RequestMethod,
        length: Int
    ) throws(WireError) {
        let facts = try FieldFacts(bytes, fields, minorVersion: line.minorVersion)
        self.line = line
        self.length = length
        connectionNamesFields = facts.connection.contains(.fields)
        framing = try Self.framing(facts, line.status, method)
        persists =
            framing != .untilClose && line.status != 101
            && facts.persists(minorVersion: line.minorVersion)
    }

    /// RFC 9112, section 6.3.
    private static func framing(
        _ facts: FieldFacts, _ status: Int, _ method: RequestMethod
    ) throws(WireError) -> BodyFraming {
        if status < 200 || status == 204 {
            // RFC 9112, section 6.1, and RFC 9110, section 8.6: must not be sent. A recipient that went by
            // them would wait for a body that does not come, or take the next response for one.
            guard !facts.isChunked, facts.contentLength ?? 0 == 0 else {
                throw .badRequest("A response without content announces some.")
            }
            return .none
        }
        // RFC 9112, section 6.3, item 2: a tunnel; none is ever asked for.
        guard method != .connect || status >= 300 else { throw .badRequest("A tunnel was opened.") }
        if status == 304 || method == .head { return .none }
        return facts.isChunked ? .chunked : facts.contentLength.map(BodyFraming.length) ?? .untilClose
    }
}

extension ResponseHead {
    init(_ bytes: ByteBuffer, _ fields: [HeadField], _ parts: ResponseParts) {
        let line = parts.line
        self.bytes = bytes
        self.fields = fields
        status = line.status
        (reasonStart, reasonLength) = (Int32(line.reason.lowerBound), Int32(line.reason.count))
        fieldsStart = Int32(line.reason.upperBound + 2)
        minorVersion = line.minorVersion
        framing = parts.framing
        persists = parts.persists
        connectionNamesFields = parts.connectionNamesFields
    }
}
