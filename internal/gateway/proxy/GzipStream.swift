import CZlib
import NIOCore
import SoukHTTPWire
import SoukText

/// One answer's body on its way through zlib, in the gzip format (RFC 1952).
final class GzipStream {
    private let stream: UnsafeMutableRawPointer

    /// nil when zlib has no memory.
    init?(level: Int) {
        guard let stream = souk_gzip_new(Int32(level)) else { return nil }
        self.stream = stream
    }

    deinit {
        souk_gzip_free(stream)
    }

    /// What is ready after these bytes; what is held back comes with the next or at the end. Each part is flushed where it is
    /// small, so that whoever streams events is not kept waiting.
    func add(_ bytes: ByteBuffer) -> ByteBuffer {
        run(bytes, flush: bytes.readableBytes < 4_096 ? Z_SYNC_FLUSH : Z_NO_FLUSH)
    }

    func finish() -> ByteBuffer { run(ByteBuffer(), flush: Z_FINISH) }

    private func run(_ bytes: ByteBuffer, flush: Int32) -> ByteBuffer {
        var output = ByteBufferAllocator().buffer(capacity: max(256, bytes.readableBytes / 3))
        bytes.withUnsafeReadableBytes { input in
            souk_gzip_take(stream, input.bindMemory(to: UInt8.self).baseAddress, UInt32(input.count))
            var hasMore = true
            while hasMore {
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: 256) { room in
                    let written = souk_gzip_give(
                        stream, room.bindMemory(to: UInt8.self).baseAddress, UInt32(room.count), flush)
                    hasMore = written == room.count
                    return Int(written)
                }
            }
        }
        return output
    }

    // MARK: - Which answers

    /// Whether an answer is to be compressed: the client takes gzip, and nothing speaks against it.
    static func suits(_ policy: CompressionPolicy, request: RequestHead, answer: ResponseHead) -> Bool {
        guard request.method != .head, request.minorVersion == 1, answer.status == 200,
            answer.first(.contentEncoding) == nil, answer.first(.contentRange) == nil,
            let accepted = request.first(.acceptEncoding), accepts(request.text(accepted)),
            let type = answer.first(.contentType)
        else { return false }
        switch answer.framing {
        case .none: return false
        case .length(let length) where length < policy.minBytes: return false
        case .length, .chunked, .untilClose: break
        }
        if let control = answer.first(.cacheControl), answer.text(control).contains(bytes: "no-transform") {
            return false
        }
        let media = answer.text(type).prefix(beforeByte: ";").removingBlanks().lowercasedASCII()
        return policy.types.contains(media)
    }

    /// Whether `Accept-Encoding` takes gzip (RFC 9110, section 12.5.3): named, or `*`, and not with a weight of zero.
    static func accepts(_ field: String) -> Bool {
        var any = false
        for item in field.lowercasedASCII().split(byte: ",") {
            let parts = item.split(byte: ";").map { $0.removingBlanks() }
            guard let coding = parts.first else { continue }
            let weight =
                parts.dropFirst().lazy.compactMap { $0.withoutPrefix(bytes: "q=") }.first.flatMap {
                    Double($0)
                } ?? 1
            if coding == "gzip" || coding == "x-gzip" { return weight > 0 }
            if coding.equals(bytes: "*") { any = weight > 0 }
        }
        return any
    }
}
