import NIOCore
import SoukHTTPWire

/// A request's head as a service gets it: the client's bytes, less what is for one hop only or claims an identity, and what the
/// gateway says itself (RFC 9110, section 7.6).
enum ForwardedRequest {
    static func head(_ exchange: Exchange, allocator: ByteBufferAllocator) -> ByteBuffer {
        let head = exchange.head
        var buffer = allocator.buffer(capacity: head.bytes.readableBytes + 384)
        buffer.copy(head.bytes, from: 0, length: Int(head.methodLength) + 1)
        if head.originLength == 0 {
            buffer.writeStaticString("/")
        } else {
            buffer.copy(head.bytes, from: Int(head.originStart), length: Int(head.originLength))
        }
        buffer.writeStaticString(" HTTP/1.1\r\n")
        buffer.copyFields(of: head.bytes, head.fields, from: Int(head.fieldsStart)) { passes($0, head) }
        if head.isAbsolute || head.first(.host) == nil {
            // What the target says wins over what `Host` says (RFC 9112, section 3.2.2).
            buffer.writeString("Host: \(head.authority ?? "souk")\r\n")
        }
        switch head.framing {
        case .chunked: buffer.writeStaticString("Transfer-Encoding: chunked\r\n")
        case .length(let length):
            buffer.writeStaticString("Content-Length: ")
            buffer.writeString(String(length))
            buffer.writeStaticString("\r\n")
        case .none, .untilClose: break
        }
        if exchange.isUpgrading { buffer.writeStaticString("Connection: Upgrade\r\nUpgrade: websocket\r\n") }
        exchange.writeForwarded(to: &buffer)
        buffer.writeStaticString("X-Request-Id: ")
        exchange.identity.write(to: &buffer)
        buffer.writeStaticString("\r\ntraceparent: ")
        buffer.writeString(exchange.identity.traceparent)
        buffer.writeStaticString("\r\n\r\n")
        return buffer
    }

    /// Whether a field of the client's goes on to the service.
    static func passes(_ field: HeadField, _ head: RequestHead) -> Bool {
        switch field.name {
        case .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .te,
            .trailer,
            .transferEncoding, .upgrade, .contentLength, .expect, .forwarded, .xForwardedFor, .xForwardedHost,
            .xForwardedProto, .xForwardedPort, .xRealIP, .xRequestID, .via, .traceparent, .tracestate:
            return false
        case .host: return !head.isAbsolute
        case .authorization, .contentType, .acceptEncoding:
            // A client must not have these taken off by naming them in `Connection`.
            return true
        case .other:
            if head.withName(field, IdentityHeaders.contains) { return false }
        default: break
        }
        return !head.connectionNamesFields || !head.isNamedInConnection(field)
    }

    /// Trailer lines, less those that claim an identity.
    static func write(trailers: ByteBuffer, to buffer: inout ByteBuffer) {
        for line in trailers.readableBytesView.split(separator: UInt8(ascii: "\n")) {
            let name = line.prefix { $0 != UInt8(ascii: ":") }
            guard !name.withUnsafeBytes(IdentityHeaders.contains) else { continue }
            buffer.writeBytes(line)
            buffer.writeStaticString("\n")
        }
    }
}

extension ByteBuffer {
    /// Copies the field lines that pass, neighbours together.
    mutating func copyFields(
        of bytes: ByteBuffer, _ fields: [HeadField], from start: Int, where passes: (HeadField) -> Bool
    ) {
        var runStart = start
        var runEnd = start
        for field in fields {
            if passes(field) {
                runEnd = Int(field.lineEnd)
            } else {
                if runEnd > runStart { copy(bytes, from: runStart, length: runEnd - runStart) }
                runStart = Int(field.lineEnd)
                runEnd = runStart
            }
        }
        if runEnd > runStart { copy(bytes, from: runStart, length: runEnd - runStart) }
    }

    /// Copies a part of a head; offsets count from its first byte.
    mutating func copy(_ bytes: ByteBuffer, from start: Int, length: Int) {
        bytes.withUnsafeReadableBytes { all in
            _ = writeBytes(UnsafeRawBufferPointer(rebasing: all[start..<start + length]))
        }
    }
}
