import NIOCore
import SoukHTTPWire
import SoukObservability

/// What ties a request's log lines and spans together: the request id and the W3C trace context that go to the service.
struct RequestIdentity {
    private enum Source {
        case given(String)
        case made(UInt64, UInt64)
    }

    private let source: Source
    /// Of the client's trace where it sent one, of a new trace otherwise.
    private let trace: Traceparent

    /// The client's `X-Request-Id` where it is harmless, a new one otherwise; its trace likewise.
    init(_ head: RequestHead, _ random: inout LoopRandom) {
        if let field = head.first(.xRequestID), Self.isHarmless(head, field) {
            source = .given(head.text(field))
        } else {
            source = .made(random.next(), random.next())
        }
        let parent = head.first(.traceparent).flatMap { Traceparent(head.text($0)) }
        trace = Traceparent(
            traceID: parent?.traceID ?? .random(using: &random), spanID: .random(using: &random),
            isSampled: parent?.isSampled ?? true)
    }

    /// Of what is no request.
    init(_ random: inout LoopRandom) {
        source = .made(random.next(), random.next())
        trace = Traceparent(
            traceID: .random(using: &random), spanID: .random(using: &random), isSampled: true)
    }

    /// The value of `traceparent` for the service: the gateway's span is its parent
    /// (https://www.w3.org/TR/trace-context/).
    var traceparent: String { trace.formatted }

    /// 32 lower-case hexadecimal digits.
    var traceID: String { trace.traceID.description }

    var text: String {
        switch source {
        case .given(let text): text
        case .made(let high, let low):
            String(buffer: ByteBuffer.hex(high, low))
        }
    }

    func write(to buffer: inout ByteBuffer) {
        switch source {
        case .given(let text): buffer.writeString(text)
        case .made(let high, let low):
            buffer.writeHex(high)
            buffer.writeHex(low)
        }
    }

    /// Up to 64 letters, digits, `-`, `_` and `.`: it goes into logs and headers.
    private static func isHarmless(_ head: RequestHead, _ field: HeadField) -> Bool {
        guard (1...64).contains(field.valueLength) else { return false }
        return head.withValue(field) { bytes in
            bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: "."):
                    true
                default: false
                }
            }
        }
    }
}

/// Numbers for ids, which have to be unique and not secret: SplitMix64, begun with the system's randomness.
struct LoopRandom: RandomNumberGenerator {
    private var state = UInt64.random(in: .min ... .max)

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension ByteBuffer {
    static func hex(_ high: UInt64, _ low: UInt64) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeHex(high)
        buffer.writeHex(low)
        return buffer
    }

    /// 16 lower-case digits.
    mutating func writeHex(_ value: UInt64) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: 16) { bytes in
            for index in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 0xf
                bytes[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            }
            return 16
        }
    }
}
