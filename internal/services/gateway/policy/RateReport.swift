import NIOCore

/// What the limits of a route said of a request, for its answer's header.
struct RateReport: Sendable {
    private struct Item: Sendable {
        let counter: RateCounter
        let verdict: RateVerdict
    }

    // In place, because nearly every request has one.
    private var items: InlineArray<4, Item?> = .init(repeating: nil)
    private var count = 0

    /// Seconds that a refused request should wait; nil where none refused.
    private(set) var retryAfterSeconds: Int64?

    /// That nothing was asked.
    init() {}

    var isEmpty: Bool { count == 0 }

    mutating func add(_ counter: RateCounter, _ verdict: RateVerdict) {
        if !verdict.isAllowed { retryAfterSeconds = verdict.retryAfterSeconds }
        guard count < items.count else { return }
        items[count] = Item(counter: counter, verdict: verdict)
        count += 1
    }

    /// The lines `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10, each a list of all limits that
    /// were asked, and `Retry-After` (RFC 9110, section 10.2.3) where one refused. Nothing where none was asked.
    func write(into buffer: inout ByteBuffer) {
        guard count > 0 else { return }
        buffer.writeStaticString("RateLimit-Policy: ")
        for index in 0..<count {
            guard let item = items[index] else { continue }
            if index > 0 { buffer.writeStaticString(", ") }
            buffer.writeBytes(item.counter.policyItem)
        }
        buffer.writeStaticString("\r\nRateLimit: ")
        for index in 0..<count {
            guard let item = items[index] else { continue }
            if index > 0 { buffer.writeStaticString(", ") }
            buffer.writeBytes(item.counter.itemStart)
            buffer.writeDecimal(UInt64(clamping: item.verdict.remaining))
            buffer.writeStaticString(";t=")
            buffer.writeDecimal(UInt64(clamping: item.verdict.resetSeconds))
        }
        buffer.writeStaticString("\r\n")
        if let retryAfterSeconds {
            buffer.writeStaticString("Retry-After: ")
            buffer.writeDecimal(UInt64(clamping: retryAfterSeconds))
            buffer.writeStaticString("\r\n")
        }
    }
}

extension ByteBuffer {
    /// The number in decimal digits, without a `String`.
    mutating func writeDecimal(_ number: UInt64) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: 20) { bytes in
            var rest = number
            var length = 1
            while rest >= 10 {
                rest /= 10
                length += 1
            }
            rest = number
            for index in stride(from: length - 1, through: 0, by: -1) {
                bytes[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            return length
        }
    }
}
