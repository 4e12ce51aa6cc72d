/// chunk-size [ chunk-ext ] CRLF (RFC 9112, sections 7.1 and 7.1.1), byte by byte.
///
/// Stricter than the grammar in one point: the "bad" white space around `;` and `=` is refused.
struct ChunkLine {
    /// For all the chunks of a body together: extensions carry nothing that is used.
    static let maxExtensionBytes = 4 << 10
    static let maxSizeDigits = 16

    private enum State {
        case size, extensionName, extensionNameRest, extensionValue, token, quoted, escaped, afterQuoted
        case lineFeed, complete
    }

    private(set) var size = 0
    private(set) var extensionBytes = 0
    private var digits = 0
    private var state = State.size

    var isComplete: Bool { state == .complete }

    /// Takes bytes up to the line's end, or all. The number of bytes taken.
    ///
    /// Throws: `badRequest`.
    mutating func take(
        _ bytes: UnsafeRawBufferPointer, maxExtensionBytes: Int
    ) throws(WireError) -> Int {
        let room = extensionBytes + maxExtensionBytes
        var index = 0
        while index < bytes.count, state != .complete {
            try take(bytes[index])
            guard extensionBytes <= room else { throw .badRequest("The chunk extensions are too large.") }
            index += 1
        }
        return index
    }

    @inline(__always)
    private mutating func take(_ byte: UInt8) throws(WireError) {
        if state == .size, let digit = ByteClass.hexValue(byte) {
            guard digits < Self.maxSizeDigits, size <= Int.max >> 4 else {
                throw .badRequest("A chunk is too large.")
            }
            size = size << 4 | digit
            digits += 1
            return
        }
        if state == .size, digits == 0 { throw .badRequest("A chunk has no size.") }
        try takeRest(byte)
    }

    private mutating func takeRest(_ byte: UInt8) throws(WireError) {
        switch (state, byte) {
        case (.lineFeed, .lf):
            state = .complete
            return
        case (.size, .cr), (.extensionNameRest, .cr), (.token, .cr), (.afterQuoted, .cr):
            state = .lineFeed
            return
        case (.size, UInt8(ascii: ";")), (.extensionNameRest, UInt8(ascii: ";")),
            (.token, UInt8(ascii: ";")), (.afterQuoted, UInt8(ascii: ";")):
            state = .extensionName
        case (.extensionName, _) where ByteClass.isToken(byte),
            (.extensionNameRest, _) where ByteClass.isToken(byte):
            state = .extensionNameRest
        case (.extensionNameRest, UInt8(ascii: "=")):
            state = .extensionValue
        case (.extensionValue, UInt8(ascii: "\"")):
            state = .quoted
        case (.extensionValue, _) where ByteClass.isToken(byte), (.token, _) where ByteClass.isToken(byte):
            state = .token
        case (.quoted, UInt8(ascii: "\"")):
            state = .afterQuoted
        case (.quoted, UInt8(ascii: "\\")):
            state = .escaped
        case (.quoted, _) where ByteClass.isText(byte), (.escaped, _) where ByteClass.isText(byte):
            state = .quoted
        default: throw .badRequest("A chunk's size line is malformed.")
        }
        extensionBytes += 1
    }
}
