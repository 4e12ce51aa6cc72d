import NIOCore
import SoukHTTPWire

extension AnswerHead {
    /// The head as HTTP/1.1 has it.
    ///
    /// - Parameter persists: nil for an interim answer.
    func serialized(
        allocator: ByteBufferAllocator, isChunked: Bool, isHead: Bool, persists: Bool?,
        clientMinorVersion: UInt8
    ) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: head.bytes.readableBytes + added.readableBytes + 96)
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.copy(head.bytes, from: 9, length: Int(head.fieldsStart) - 9)
        buffer.copyFields(of: head.bytes, head.fields, from: Int(head.fieldsStart), where: passes)
        buffer.writeImmutableBuffer(added)
        if isChunked {
            buffer.writeStaticString("Transfer-Encoding: chunked\r\n")
        } else if case .length(let length) = framing {
            buffer.writeStaticString("Content-Length: ")
            buffer.writeString(String(length))
            buffer.writeStaticString("\r\n")
        } else if isHead, let field = head.first(.contentLength) {
            buffer.copy(head.bytes, from: Int(field.nameStart), length: Int(field.lineEnd - field.nameStart))
        }
        switch persists {
        case false?: buffer.writeStaticString("Connection: close\r\n")
        case true? where clientMinorVersion == 0: buffer.writeStaticString("Connection: keep-alive\r\n")
        case true?, nil: break
        }
        buffer.writeStaticString("\r\n")
        return buffer
    }
}
