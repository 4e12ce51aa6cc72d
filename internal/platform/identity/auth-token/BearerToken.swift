/// The `Authorization` field of RFC 6750, section 2.1.
package enum BearerToken {
    /// Longer ones are none of ours, in bytes.
    private static let maxBytes = 8 << 10
    private static let scheme: StaticString = "bearer"

    /// The token in the field's value; nil where it holds anything else.
    package static func text(_ field: String) -> String? {
        var field = field
        return field.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            return range(in: bytes).map { String(decoding: bytes[$0], as: UTF8.self) }
        }
    }

    /// Where the token lies in the bytes of the field's value: after `Bearer`, in any case, and spaces; nil as with ``text(_:)``.
    /// Allocates nothing.
    package static func range(in field: UnsafeRawBufferPointer) -> Range<Int>? {
        let space = UInt8(ascii: " ")
        var start = 0
        var end = field.count
        while start < end, field[start] == space { start += 1 }
        while end > start, field[end - 1] == space { end -= 1 }
        let length = scheme.utf8CodeUnitCount
        guard end - start > length, field[start + length] == space else { return nil }
        for offset in 0..<length where field[start + offset] | 0x20 != scheme.utf8Start[offset] { return nil }
        start += length
        while field[start] == space { start += 1 }
        guard end - start <= maxBytes else { return nil }
        for index in start..<end where field[index] <= 0x20 || field[index] >= 0x7F { return nil }
        return start..<end
    }
}
