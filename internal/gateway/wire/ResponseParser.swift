package import NIOCore

/// Parses the heads of the responses on one connection, as strictly as requests: an upstream whose messages
/// can be read in two ways could smuggle responses.
///
/// One value per connection, used by one thread at a time. After it has thrown it throws the same again.
package struct ResponseParser: Sendable {
    private let limits: HeadLimits
    private var scanner: HeadScanner
    private var line: StatusLine?
    private var fault: WireError?

    /// The status line may be as long as a request line.
    package init(limits: HeadLimits) {
        self.limits = limits.clamped
        scanner = HeadScanner(limits: self.limits)
    }

    /// The next response's head, interim (1xx) ones too, or nil while it is not complete.
    ///
    /// Consumes exactly the head from `buffer`; nothing may precede it. Between calls that return nil the
    /// caller may only append to the readable bytes.
    ///
    /// - Parameter requestMethod: The method of the request that is being answered.
    ///
    /// Throws: `badResponse`.
    package mutating func parse(
        _ buffer: inout ByteBuffer, requestMethod: RequestMethod
    ) throws(WireError) -> ResponseHead? {
        if let fault { throw fault }
        do throws(WireError) {
            return try parseNext(&buffer, requestMethod)
        } catch {
            fault = error.inResponse
            throw error.inResponse
        }
    }

    private mutating func parseNext(
        _ buffer: inout ByteBuffer, _ method: RequestMethod
    ) throws(WireError) -> ResponseHead? {
        let parts = try buffer.withUnsafeReadableBytes { bytes in
            Result { () throws(WireError) in try scan(bytes, method) }
        }.get()
        guard let parts, let head = buffer.readSlice(length: parts.length) else { return nil }
        let response = ResponseHead(head, scanner.fields, parts)
        (scanner, line) = (HeadScanner(limits: limits), nil)
        return response
    }

    private mutating func scan(
        _ bytes: UnsafeRawBufferPointer, _ method: RequestMethod
    ) throws(WireError) -> ResponseParts? {
        let line: StatusLine
        if let known = self.line {
            line = known
        } else {
            let range = try scanner.nextLine(
                bytes, maxBytes: limits.maxStartLineBytes, tooLong: .targetTooLong)
            guard let range else { return nil }
            line = try StatusLine(bytes, range)
            self.line = line
        }
        guard let length = try scanner.scanFields(bytes) else { return nil }
        return try ResponseParts(bytes, scanner.fields, line, method, length: length)
    }
}
