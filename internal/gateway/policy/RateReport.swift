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

    /// What further limits said.
    mutating func add(_ other: RateReport) {
        for index in 0..<other.count {
            if let item = other.items[index] { add(item.counter, item.verdict) }
        }
        retryAfterSeconds = other.retryAfterSeconds ?? retryAfterSeconds
    }

    /// The lines `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10, each a list of all limits that
    /// were asked, and `Retry-After` (RFC 9110, section 10.2.3) where one refused. Nothing where none was asked.
    func write(into buffer: inout ByteBuffer) {
        guard count > 0 else { return }
        var size = 96
        for index in 0..<count {
            guard let item = items[index] else { continue }
            size += item.counter.policyItem.count + item.counter.itemStart.count + 64
        }
        // One piece at once: a call for each would cost more than the limits themselves.
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
            var end = 0
            bytes.put("RateLimit-Policy: ", at: &end)
            for index in 0..<count {
                guard let item = items[index] else { continue }
                if index > 0 { bytes.put(", ", at: &end) }
                bytes.put(item.counter.policyItem, at: &end)
            }
            bytes.put("\r\nRateLimit: ", at: &end)
            for index in 0..<count {
                guard let item = items[index] else { continue }
                if index > 0 { bytes.put(", ", at: &end) }
                bytes.put(item.counter.itemStart, at: &end)
                bytes.put(UInt64(clamping: item.verdict.remaining), at: &end)
                bytes.put(";t=", at: &end)
                bytes.put(UInt64(clamping: item.verdict.resetSeconds), at: &end)
            }
            bytes.put("\r\n", at: &end)
            if let retryAfterSeconds {
                bytes.put("Retry-After: ", at: &end)
                bytes.put(UInt64(clamping: retryAfterSeconds), at: &end)
                bytes.put("\r\n", at: &end)
            }
            return end
        }
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func put(_ text: StaticString, at end: inout Int) {
        let start = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        self[end..<(end + start.count)].copyBytes(from: start)
        end += start.count
    }

    fileprivate func put(_ text: [UInt8], at end: inout Int) {
        self[end..<(end + text.count)].copyBytes(from: text)
        end += text.count
    }

    /// In decimal digits, of which there are at most 20.
    func put(_ number: UInt64, at end: inout Int) {
        var length = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            length += 1
        }
        rest = number
        for index in stride(from: end + length - 1, through: end, by: -1) {
            self[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        end += length
    }
}

extension ByteBuffer {
    /// The number in decimal digits, without a `String`.
    mutating func writeDecimal(_ number: UInt64) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: 20) { bytes in
            var end = 0
            bytes.put(number, at: &end)
            return end
        }
    }
}
