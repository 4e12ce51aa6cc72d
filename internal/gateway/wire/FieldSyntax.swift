package import NIOCore

/// Whether a synthesized field can be written as it is (RFC 9110, sections 5.1 and 5.5).
package enum FieldSyntax {
    /// A token.
    package static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy(ByteClass.isToken)
    }

    /// No CR, LF, NUL or other control character but HTAB, and no white space at the ends. May be empty.
    package static func isValue(_ value: String) -> Bool {
        guard let first = value.utf8.first, let last = value.utf8.last else { return true }
        return !ByteClass.isSpace(first) && !ByteClass.isSpace(last)
            && value.utf8.allSatisfy(ByteClass.isText)
    }
}

extension ByteBuffer {
    /// Appends `name: value` and CRLF if ``FieldSyntax`` lets both pass; else appends nothing and is false.
    package mutating func writeField(_ name: String, _ value: String) -> Bool {
        guard FieldSyntax.isName(name), FieldSyntax.isValue(value) else { return false }
        writeString(name)
        writeStaticString(": ")
        writeString(value)
        writeStaticString("\r\n")
        return true
    }

    /// Appends a chunk's size in hexadecimal and CRLF (RFC 9112, section 7.1). The data and another CRLF are
    /// the caller's to write; 0 starts the last chunk, which a trailer section and CRLF follow.
    package mutating func writeChunkHeader(_ length: Int) {
        precondition(length >= 0, "a chunk can't have a negative length")
        let digits = max(1, (Int.bitWidth - length.leadingZeroBitCount + 3) / 4)
        writeWithUnsafeMutableBytes(minimumWritableBytes: digits + 2) { bytes in
            for index in 0..<digits {
                let digit = UInt8(truncatingIfNeeded: length >> (4 * (digits - 1 - index))) & 0xf
                bytes[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            }
            bytes[digits] = .cr
            bytes[digits + 1] = .lf
            return digits + 2
        }
    }
}
