import NIOCore

/// What the request line and the fields together say of a request.
struct RequestParts {
    let line: RequestLine
    /// Of the whole head.
    let length: Int
    let authority: Range<Int>
    let framing: BodyFraming
    let persists: Bool
    let expectsContinue: Bool
    let wantsWebSocket: Bool
    let connectionNamesFields: Bool

    /// Throws: `badRequest`, `notImplemented`.
    init(
        _ bytes: UnsafeRawBufferPointer, _ fields: [HeadField], _ line: RequestLine, length: Int
    ) throws(WireError) {
        let facts = try FieldFacts(bytes, fields, minorVersion: line.minorVersion)
        self.line = line
        self.length = length
        let authority = try Self.authority(bytes, fields, line)
        self.authority = authority ?? 0..<0
        framing = facts.isChunked ? .chunked : facts.contentLength.map(BodyFraming.length) ?? .none
        persists = facts.persists(minorVersion: line.minorVersion)
        connectionNamesFields = facts.connection.contains(.fields)

        var expectations = 0
        var (upgrades, webSockets) = (0, 0)
        for field in fields {
            switch field.name {
            case .expect where bytes.hasText("100-continue", in: field.valueRange): expectations += 1
            case .upgrade:
                upgrades += 1
                if bytes.hasText("websocket", in: field.valueRange) { webSockets += 1 }
            default: break
            }
        }
        let hasBody = framing != .none && framing != .length(0)
        // HTTP/1.0's are to be ignored, and without content there is nothing to wait with.
        expectsContinue = expectations > 0 && line.minorVersion > 0 && hasBody
        wantsWebSocket =
            upgrades == 1 && webSockets == 1 && facts.connection.contains(.upgrade) && line.method == .get
            && line.minorVersion > 0 && !hasBody
    }

    /// RFC 9112, section 3.2: exactly one Host, valid; RFC 9110, section 7.2: the same as the target's
    /// authority when it has one. A proxy would replace a different one; whoever looks at only one of the
    /// two would route elsewhere, so it is refused.
    private static func authority(
        _ bytes: UnsafeRawBufferPointer, _ fields: [HeadField], _ line: RequestLine
    ) throws(WireError) -> Range<Int>? {
        var host: Range<Int>?
        for field in fields where field.name == .host {
            guard host == nil else { throw .badRequest("There are several Host.") }
            guard Authority.isValid(bytes, field.valueRange) else {
                throw .badRequest("The Host is malformed.")
            }
            host = field.valueRange
        }
        guard let host else {
            guard line.minorVersion == 0 else { throw .badRequest("There is no Host.") }
            return line.authority
        }
        guard let authority = line.authority else { return host }
        guard bytes.isSameText(host, authority) else {
            throw .badRequest("The Host is not the target's.")
        }
        return authority
    }
}

extension RequestHead {
    init(_ bytes: ByteBuffer, _ fields: [HeadField], _ parts: RequestParts) {
        let line = parts.line
        self.bytes = bytes
        self.fields = fields
        method = line.method
        methodLength = Int32(line.methodLength)
        (targetStart, targetLength) = (Int32(line.target.lowerBound), Int32(line.target.count))
        (pathStart, pathLength) = (Int32(line.path.lowerBound), Int32(line.path.count))
        (originStart, originLength) = (Int32(line.origin.lowerBound), Int32(line.origin.count))
        (authorityStart, authorityLength) = (
            Int32(parts.authority.lowerBound), Int32(parts.authority.count)
        )
        // The version's eight bytes and CRLF follow the target and a space.
        fieldsStart = Int32(line.target.upperBound + 11)
        minorVersion = line.minorVersion
        framing = parts.framing
        persists = parts.persists
        expectsContinue = parts.expectsContinue
        wantsWebSocket = parts.wantsWebSocket
        connectionNamesFields = parts.connectionNamesFields
    }
}
