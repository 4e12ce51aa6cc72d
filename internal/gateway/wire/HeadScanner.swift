import Glibc

/// Takes lines and field lines from bytes that arrive bit by bit (RFC 9112, section 2.2 and 5).
///
/// Offsets count from the message's first byte, which must be the first of every `bytes` passed in until the
/// head is complete. Every byte is searched for its line's end once and looked at once more, in the complete
/// line; so a head costs the same in one piece as byte by byte, and is judged the same.
struct HeadScanner {
    private(set) var fields: [HeadField] = []
    private let maxFieldBytes: Int
    private let maxFields: Int
    private var fieldBytes = 0
    /// Where the line starts that is not complete yet.
    private var lineStart = 0
    /// No LF is between `lineStart` and this.
    private var searched = 0

    /// `limits` are clamped ones.
    init(limits: HeadLimits) {
        maxFieldBytes = limits.maxFieldBytes
        maxFields = limits.maxFields
    }

    /// The next line without its CRLF, or nil while that has not come.
    ///
    /// Throws: `tooLong` once more than `maxBytes` have come without a CRLF; `badRequest` for an LF without
    /// a CR.
    mutating func nextLine(
        _ bytes: UnsafeRawBufferPointer, maxBytes: Int, tooLong: WireError
    ) throws(WireError) -> Range<Int>? {
        let horizon = lineStart + maxBytes + 2
        let end = min(bytes.count, horizon)
        guard let feed = bytes.firstLineFeed(in: searched..<end) else {
            searched = end
            guard end < horizon else { throw tooLong }
            return nil
        }
        guard feed > lineStart, bytes[feed - 1] == .cr else {
            throw .badRequest("A line ends in LF without CR.")
        }
        let line = lineStart..<feed - 1
        lineStart = feed + 1
        searched = lineStart
        return line
    }

    /// Takes field lines up to and with the empty line. The number of bytes so far, or nil while the empty
    /// line has not come.
    ///
    /// Throws: `fieldsTooLarge`; `badRequest` for what is no field line.
    mutating func scanFields(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> Int? {
        while true {
            guard
                let line = try nextLine(bytes, maxBytes: maxFieldBytes - fieldBytes, tooLong: .fieldsTooLarge)
            else { return nil }
            if line.isEmpty { return lineStart }
            guard fields.count < maxFields else { throw .fieldsTooLarge }
            if fields.isEmpty { fields.reserveCapacity(16) }
            fields.append(try Self.field(bytes, line))
            fieldBytes += line.count
        }
    }

    /// field-line = field-name ":" OWS field-value OWS
    @inline(__always)
    private static func field(
        _ bytes: UnsafeRawBufferPointer, _ line: Range<Int>
    ) throws(WireError) -> HeadField {
        var colon = line.lowerBound
        while colon < line.upperBound, ByteClass.isToken(bytes[colon]) { colon += 1 }
        guard colon > line.lowerBound, colon < line.upperBound, bytes[colon] == UInt8(ascii: ":") else {
            throw nameFault(bytes, line, at: colon)
        }
        let value = bytes.trimmed(colon + 1..<line.upperBound)
        guard bytes.isText(in: value) else {
            throw .badRequest("A field value contains a control character.")
        }
        return HeadField(
            name: FieldName(bytes, at: line.lowerBound, length: colon - line.lowerBound),
            nameStart: Int32(line.lowerBound), nameLength: Int32(colon - line.lowerBound),
            valueStart: Int32(value.lowerBound), valueLength: Int32(value.count),
            lineEnd: Int32(line.upperBound + 2))
    }

    private static func nameFault(
        _ bytes: UnsafeRawBufferPointer, _ line: Range<Int>, at index: Int
    ) -> WireError {
        guard index < line.upperBound else { return .badRequest("A field line has no colon.") }
        if ByteClass.isSpace(bytes[index]) {
            return index == line.lowerBound
                // RFC 9112, section 5.2: obs-fold; section 2.2 for the first line.
                ? .badRequest("A field line starts with white space.")
                // RFC 9112, section 5.1.
                : .badRequest("There is white space between a field name and its colon.")
        }
        return index == line.lowerBound && bytes[index] == UInt8(ascii: ":")
            ? .badRequest("A field name is empty.")
            : .badRequest("A field name contains a character that is not allowed.")
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    fileprivate func firstLineFeed(in range: Range<Int>) -> Int? {
        guard !range.isEmpty, let base = baseAddress else { return nil }
        guard let found = memchr(base + range.lowerBound, Int32(UInt8.lf), range.count) else { return nil }
        return UnsafeRawPointer(found) - base
    }
}
