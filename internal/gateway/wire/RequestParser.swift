package import NIOCore

/// Parses the heads of the requests on one connection, strictly: what two recipients could read differently
/// is refused (RFC 9112, section 11.2).
///
/// One value per connection, used by one thread at a time. After it has thrown it throws the same again.
package struct RequestParser: Sendable {
    /// RFC 9112, section 2.2, asks for at least one.
    static let maxEmptyLines = 4

    private let limits: HeadLimits
    private var scanner: HeadScanner
    private var emptyLines = 0
    private var hasStarted = false
    private var line: RequestLine?
    private var fault: WireError?

    package init(limits: HeadLimits) {
        self.limits = limits.clamped
        scanner = HeadScanner(limits: self.limits)
    }

    /// The next request's head, or nil while it is not complete.
    ///
    /// Consumes exactly the head from `buffer`, and empty lines before it as they come. Between calls that
    /// return nil the caller may only append to the readable bytes. The caller reads the body that
    /// ``RequestHead/framing`` announces before it calls again.
    ///
    /// Throws: anything but `badResponse`.
    package mutating func parse(_ buffer: inout ByteBuffer) throws(WireError) -> RequestHead? {
        if let fault { throw fault }
        do throws(WireError) {
            return try parseNext(&buffer)
        } catch {
            fault = error
            throw error
        }
    }

    private mutating func parseNext(_ buffer: inout ByteBuffer) throws(WireError) -> RequestHead? {
        if !hasStarted {
            guard try skipEmptyLines(&buffer) else { return nil }
            hasStarted = true
        }
        let parts = try buffer.withUnsafeReadableBytes { bytes in
            Result { () throws(WireError) in try scan(bytes) }
        }.get()
        guard let parts, let head = buffer.readSlice(length: parts.length) else { return nil }
        let request = RequestHead(head, scanner.fields, parts)
        (scanner, line, hasStarted, emptyLines) = (HeadScanner(limits: limits), nil, false, 0)
        return request
    }

    /// False while no byte of the request line has come. That byte is looked at, so that a peer that speaks
    /// something else is told at once.
    private mutating func skipEmptyLines(_ buffer: inout ByteBuffer) throws(WireError) -> Bool {
        while let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) {
            guard first == .cr else {
                guard ByteClass.isToken(first) else { throw .badRequest("There is no method.") }
                return true
            }
            guard let second = buffer.getInteger(at: buffer.readerIndex + 1, as: UInt8.self) else {
                return false
            }
            guard second == .lf else { throw .badRequest("There is a CR without LF.") }
            guard emptyLines < Self.maxEmptyLines else {
                throw .badRequest("There are too many empty lines.")
            }
            emptyLines += 1
            buffer.moveReaderIndex(forwardBy: 2)
        }
        return false
    }

    private mutating func scan(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> RequestParts? {
        let line: RequestLine
        if let known = self.line {
            line = known
        } else {
            let range = try scanner.nextLine(
                bytes, maxBytes: limits.maxStartLineBytes, tooLong: .targetTooLong)
            guard let range else { return nil }
            line = try RequestLine(bytes, range, maxTargetBytes: limits.maxTargetBytes)
            self.line = line
        }
        guard let length = try scanner.scanFields(bytes) else { return nil }
        return try RequestParts(bytes, scanner.fields, line, length: length)
    }
}
