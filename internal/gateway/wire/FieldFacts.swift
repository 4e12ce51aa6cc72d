/// What a head's fields say of the message and its connection, whichever way it goes.
struct FieldFacts {
    /// Options of Connection (RFC 9110, section 7.6.1).
    struct Connection: OptionSet {
        let rawValue: UInt8
        static let close = Connection(rawValue: 1)
        static let keepAlive = Connection(rawValue: 2)
        static let upgrade = Connection(rawValue: 4)
        static let te = Connection(rawValue: 8)
        /// Anything else: the names of fields.
        static let fields = Connection(rawValue: 16)
    }

    private(set) var contentLength: Int?
    private(set) var isChunked = false
    private(set) var connection: Connection = []

    /// Throws: `badRequest` for framing that two recipients could read differently (RFC 9112, section 6.3
    /// and 11.2), `notImplemented` for transfer codings beside chunked.
    init(
        _ bytes: UnsafeRawBufferPointer, _ fields: [HeadField], minorVersion: UInt8
    ) throws(WireError) {
        for field in fields {
            switch field.name {
            case .contentLength:
                // RFC 9110, section 8.6, lets equal ones pass; no sender that is not broken needs that.
                guard contentLength == nil else { throw .badRequest("There are several Content-Length.") }
                contentLength = try Self.length(bytes, field.valueRange)
            case .transferEncoding:
                guard !isChunked else { throw .badRequest("There are several Transfer-Encoding.") }
                try Self.requireChunked(bytes, field.valueRange)
                isChunked = true
            case .connection:
                connection.formUnion(try Self.options(bytes, field.valueRange))
            default: break
            }
        }
        guard isChunked else { return }
        guard contentLength == nil else {
            throw .badRequest("There are both Content-Length and Transfer-Encoding.")
        }
        // RFC 9112, section 6.1: to be treated as faulty framing.
        guard minorVersion > 0 else { throw .badRequest("There is a Transfer-Encoding in HTTP/1.0.") }
    }

    /// RFC 9112, section 9.3.
    func persists(minorVersion: UInt8) -> Bool {
        !connection.contains(.close) && (minorVersion > 0 || connection.contains(.keepAlive))
    }

    /// Content-Length = 1*DIGIT, up to nineteen of them.
    private static func length(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>
    ) throws(WireError) -> Int {
        guard !range.isEmpty, range.allSatisfy({ ByteClass.isDigit(bytes[$0]) }) else {
            throw .badRequest("The Content-Length is no number.")
        }
        var length: Int? = range.count > 19 ? nil : 0
        for index in range {
            guard let shorter = length else { break }
            let (tens, over) = shorter.multipliedReportingOverflow(by: 10)
            let (sum, more) = tens.addingReportingOverflow(Int(bytes[index] - 0x30))
            length = over || more ? nil : sum
        }
        guard let length else { throw .badRequest("The Content-Length is too large.") }
        return length
    }

    /// RFC 9112, sections 6.1 and 6.3: `chunked` alone is understood. A list that ends in it names codings
    /// that are not implemented, as a single other token does; the rest is faulty.
    private static func requireChunked(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>
    ) throws(WireError) {
        if bytes.hasText("chunked", in: range) { return }
        var (elements, chunked, isLast, areTokens) = (0, 0, false, true)
        bytes.forEachElement(of: range) { element in
            elements += 1
            isLast = bytes.hasText("chunked", in: element)
            if isLast { chunked += 1 }
            areTokens = bytes.isToken(in: element)
            return areTokens
        }
        guard areTokens, elements == 1 || (chunked == 1 && isLast) else {
            throw .badRequest("The Transfer-Encoding is malformed.")
        }
        throw .notImplemented("No transfer coding but chunked is implemented.")
    }

    /// Connection = #connection-option. Naming the fields that frame or route the message is refused: a
    /// recipient that dropped them, as it ought to, would see another message.
    private static func options(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>
    ) throws(WireError) -> Connection {
        if bytes.hasText("keep-alive", in: range) { return .keepAlive }
        if bytes.hasText("close", in: range) { return .close }
        var (options, fault): (Connection, WireError?) = ([], nil)
        bytes.forEachElement(of: range) { element in
            if element.isEmpty { return true }
            guard bytes.isToken(in: element) else {
                fault = .badRequest("The Connection field is malformed.")
                return false
            }
            if bytes.hasText("close", in: element) {
                options.insert(.close)
                return true
            }
            switch FieldName(bytes, at: element.lowerBound, length: element.count) {
            case .keepAlive: options.insert(.keepAlive)
            case .upgrade: options.insert(.upgrade)
            case .te: options.insert(.te)
            case .host, .contentLength, .transferEncoding:
                fault = .badRequest("The Connection field names a field that frames or routes the message.")
            default: options.insert(.fields)
            }
            return fault == nil
        }
        if let fault { throw fault }
        return options
    }
}
