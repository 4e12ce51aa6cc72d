package import NIOCore

/// What comes next of a message's body.
package enum BodyPart: Sendable, Equatable {
    /// Content, without chunk framing; never empty. A slice of the buffer, no copy.
    case bytes(ByteBuffer)
    /// The body is complete. `trailers` are validated field lines with their CRLFs, without the empty line;
    /// nil for none.
    case end(trailers: ByteBuffer?)
}

/// Takes one message's body off a connection (RFC 9112, sections 6 and 7.1).
///
/// Chunk extensions are checked and dropped: they are a matter of one connection only (section 7.1.1). One
/// value per message, used by one thread at a time. After it has thrown it throws the same again.
package struct BodyDecoder: Sendable {
    private enum State {
        case length(Int)
        case untilClose
        case chunkLine(ChunkLine)
        case chunkData(Int)
        /// The CRLF after a chunk's data; true when its CR has come.
        case chunkEnd(afterCR: Bool)
        case trailers(HeadScanner)
        case complete
        case failed(WireError)
    }

    private var state: State
    private var extensionBytes = 0
    private let limits: HeadLimits
    private let kind: MessageKind

    /// - Parameters:
    ///   - framing: What the message's head says.
    ///   - limits: `maxFieldBytes` and `maxFields` bound the trailer section.
    ///   - kind: Faults of a `.response` are thrown as `badResponse`.
    package init(_ framing: BodyFraming, limits: HeadLimits, kind: MessageKind = .request) {
        self.limits = limits.clamped
        self.kind = kind
        state =
            switch framing {
            case .none: .length(0)
            case .length(let count): .length(count)
            case .chunked: .chunkLine(ChunkLine())
            case .untilClose: .untilClose
            }
    }

    /// The end has been returned: what is left in the buffer is of the next message.
    package var isComplete: Bool {
        if case .complete = state { true } else { false }
    }

    /// The next part, or nil when more bytes are needed or the end has been returned.
    ///
    /// Consumes what it returns and chunk framing as it comes; the trailer section once it is complete, and
    /// until then the caller may only append to the readable bytes. Each call returns at most one part: call
    /// until nil.
    ///
    /// Throws: `badRequest` and `fieldsTooLarge` for a request, `badResponse` for a response.
    package mutating func next(_ buffer: inout ByteBuffer) throws(WireError) -> BodyPart? {
        do throws(WireError) {
            return try nextPart(&buffer)
        } catch {
            throw fail(error)
        }
    }

    /// The peer closed its side: the end of a body that goes on until then, nil when the end has been
    /// returned before. Call it when ``next(_:)`` has nothing left to give.
    ///
    /// Throws: `badRequest` or `badResponse` when the body is not complete (RFC 9112, section 8).
    package mutating func endOfInput() throws(WireError) -> BodyPart? {
        switch state {
        case .complete: return nil
        case .failed(let error): throw error
        case .untilClose, .length(0):
            state = .complete
            return .end(trailers: nil)
        default: throw fail(.badRequest("The body is not complete."))
        }
    }

    private mutating func fail(_ error: WireError) -> WireError {
        let error = kind.fault(error)
        state = .failed(error)
        return error
    }

    private mutating func nextPart(_ buffer: inout ByteBuffer) throws(WireError) -> BodyPart? {
        while true {
            switch state {
            case .complete: return nil
            case .failed(let error): throw error
            case .length(0):
                state = .complete
                return .end(trailers: nil)
            case .length(let left):
                guard let bytes = Self.take(left, from: &buffer) else { return nil }
                state = .length(left - bytes.readableBytes)
                return .bytes(bytes)
            case .untilClose:
                return Self.take(.max, from: &buffer).map(BodyPart.bytes)
            case .chunkData(let left):
                guard let bytes = Self.take(left, from: &buffer) else { return nil }
                let rest = left - bytes.readableBytes
                state = rest > 0 ? .chunkData(rest) : .chunkEnd(afterCR: false)
                return .bytes(bytes)
            case .chunkEnd(let afterCR):
                guard let byte = buffer.readInteger(as: UInt8.self) else { return nil }
                guard byte == (afterCR ? .lf : .cr) else {
                    throw .badRequest("A chunk is not followed by CRLF.")
                }
                state = afterCR ? .chunkLine(ChunkLine()) : .chunkEnd(afterCR: true)
            case .chunkLine(let line):
                guard let size = try chunkSize(line, &buffer) else { return nil }
                state = size > 0 ? .chunkData(size) : .trailers(HeadScanner(limits: limits))
            case .trailers(let scanner):
                return try trailers(scanner, &buffer)
            }
        }
    }

    /// Up to `count` bytes, nil while there are none.
    private static func take(_ count: Int, from buffer: inout ByteBuffer) -> ByteBuffer? {
        buffer.readableBytes == 0 ? nil : buffer.readSlice(length: min(count, buffer.readableBytes))
    }

    /// The size once the line is complete; keeps the line in ``state`` otherwise.
    private mutating func chunkSize(
        _ line: ChunkLine, _ buffer: inout ByteBuffer
    ) throws(WireError) -> Int? {
        var line = line
        let before = line.extensionBytes
        let consumed = try buffer.withUnsafeReadableBytes { bytes in
            Result { () throws(WireError) in
                try line.take(bytes, maxExtensionBytes: ChunkLine.maxExtensionBytes - extensionBytes)
            }
        }.get()
        extensionBytes += line.extensionBytes - before
        buffer.moveReaderIndex(forwardBy: consumed)
        guard line.isComplete else {
            state = .chunkLine(line)
            return nil
        }
        return line.size
    }

    private mutating func trailers(
        _ scanner: HeadScanner, _ buffer: inout ByteBuffer
    ) throws(WireError) -> BodyPart? {
        var scanner = scanner
        // Else the scanner in `state` would share its fields with this one, and each append copy them.
        state = .complete
        let length = try buffer.withUnsafeReadableBytes { bytes in
            Result { () throws(WireError) in
                guard let length = try scanner.scanFields(bytes) else { return Int?.none }
                try TrailerRules.check(scanner.fields, bytes)
                return length
            }
        }.get()
        guard let length, let section = buffer.readSlice(length: length) else {
            state = .trailers(scanner)
            return nil
        }
        return .end(trailers: scanner.fields.isEmpty ? nil : section.getSlice(at: 0, length: length - 2))
    }
}
