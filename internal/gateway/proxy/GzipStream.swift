import CZlib
import NIOCore
import SoukHTTPWire
import SoukText

/// One answer's body on its way through zlib, in the gzip format (RFC 1952).
final class GzipStream {
    private static let gzipWindow: Int32 = 15 + 16
    private static let memoryLevel: Int32 = 8

    private var stream = z_stream()

    /// nil when zlib has no memory.
    init?(level: Int) {
        let status = deflateInit2_(
            &stream, Int32(level), Z_DEFLATED, Self.gzipWindow, Self.memoryLevel, Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { return nil }
    }

    deinit {
        deflateEnd(&stream)
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
            // zlib's declaration lacks the const that its documentation promises.
            stream.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
            stream.avail_in = UInt32(input.count)
            var hasMore = true
            while hasMore {
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: 256) { room in
                    stream.next_out = room.bindMemory(to: UInt8.self).baseAddress
                    stream.avail_out = UInt32(room.count)
                    deflate(&stream, flush)
                    hasMore = stream.avail_out == 0
                    return room.count - Int(stream.avail_out)
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
