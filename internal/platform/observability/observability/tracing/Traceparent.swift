/// The `traceparent` header of W3C Trace Context, level 1
/// (https://www.w3.org/TR/trace-context/#traceparent-header).
package struct Traceparent: Sendable, Hashable {
    /// Names the whole trace; never zero.
    package let traceID: TraceID
    /// Names the caller's span; never zero.
    package let spanID: SpanID
    /// Whether the caller recorded its span.
    package let isSampled: Bool

    /// A header of these parts.
    package init(traceID: TraceID, spanID: SpanID, isSampled: Bool) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// Reads a header value; `nil` when it is malformed.
    ///
    /// Only lower-case digits and non-zero ids are taken, version `ff` never. Of versions after 00 the known
    /// parts are read and the rest, behind a further dash, is passed over, as section 4.3 of the
    /// recommendation asks.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 55, bytes.count <= 512,
            bytes[2] == UInt8(ascii: "-"), bytes[35] == UInt8(ascii: "-"), bytes[52] == UInt8(ascii: "-"),
            let version = Hex.value(bytes[0..<2]), version != 0xff,
            let high = Hex.value(bytes[3..<19]), let low = Hex.value(bytes[19..<35]),
            let span = Hex.value(bytes[36..<52]), let flags = Hex.value(bytes[53..<55]),
            let traceID = TraceID(high: high, low: low), let spanID = SpanID(span)
        else { return nil }
        guard bytes.count == 55 || (version > 0 && bytes[55] == UInt8(ascii: "-")) else { return nil }
        self.init(traceID: traceID, spanID: spanID, isSampled: flags & 1 == 1)
    }

    /// The header value, always of version 00: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
    package var formatted: String {
        // In one piece: every request that goes on has one.
        String(unsafeUninitializedCapacity: 55) { digits in
            let dash = UInt8(ascii: "-")
            Hex.put(0, digits: 2, in: digits, at: 0)
            digits[2] = dash
            Hex.put(traceID.high, digits: 16, in: digits, at: 3)
            Hex.put(traceID.low, digits: 16, in: digits, at: 19)
            digits[35] = dash
            Hex.put(spanID.value, digits: 16, in: digits, at: 36)
            digits[52] = dash
            Hex.put(isSampled ? 1 : 0, digits: 2, in: digits, at: 53)
            return 55
        }
    }
}

extension Traceparent: CustomStringConvertible {
    /// Same as ``formatted``.
    package var description: String { formatted }
}

/// The 16 bytes that name a trace; not all zero. Written as 32 lower-case hexadecimal digits.
package struct TraceID: Sendable, Hashable, CustomStringConvertible {
    fileprivate let high: UInt64
    fileprivate let low: UInt64

    /// `nil` when both halves are zero.
    package init?(high: UInt64, low: UInt64) {
        guard high != 0 || low != 0 else { return nil }
        self.high = high
        self.low = low
    }

    /// A random one.
    package static func random(using generator: inout some RandomNumberGenerator) -> TraceID {
        while true {
            if let id = TraceID(high: generator.next(), low: generator.next()) { return id }
        }
    }

    /// The part that decides about sampling: the right-most bytes are the random ones in every version.
    var randomBits: UInt64 { low }

    package var description: String { Hex.text(high) + Hex.text(low) }
}

/// The 8 bytes that name a span; not all zero. Written as 16 lower-case hexadecimal digits.
package struct SpanID: Sendable, Hashable, CustomStringConvertible {
    fileprivate let value: UInt64

    /// `nil` for zero.
    package init?(_ value: UInt64) {
        guard value != 0 else { return nil }
        self.value = value
    }

    /// A random one.
    package static func random(using generator: inout some RandomNumberGenerator) -> SpanID {
        while true {
            if let id = SpanID(generator.next()) { return id }
        }
    }

    package var description: String { Hex.text(value) }
}

private enum Hex {
    /// The number that at most 16 lower-case digits stand for.
    static func value(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for byte in digits {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }

    static func text(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { buffer in
            put(value, digits: 16, in: buffer, at: 0)
            return 16
        }
    }

    /// The lowest so many digits of the value, to `start` and after.
    static func put(_ value: UInt64, digits: Int, in buffer: UnsafeMutableBufferPointer<UInt8>, at start: Int)
    {
        for index in 0..<digits {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * (digits - 1 - index))) & 0xf
            buffer[start + index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        }
    }
}
