package import NIOCore

/// A response's head that is unambiguous, as its bytes and offsets into them (RFC 9112, section 4 and 5).
///
/// Holds a slice of the buffer that it was parsed from: while it lives, a write to that buffer copies it.
package struct ResponseHead: Sendable {
    /// Exactly the head: from the status line to the empty line's CRLF, starting at 0.
    package let bytes: ByteBuffer
    /// The field lines in order.
    package let fields: [HeadField]
    /// 100...599.
    package let status: Int
    /// The reason phrase; may be empty.
    package let reasonStart, reasonLength: Int32
    /// The offset of the first field line.
    package let fieldsStart: Int32
    /// 0 or 1.
    package let minorVersion: UInt8
    /// Given the request's method: `.none` for HEAD, 1xx, 204 and 304.
    package let framing: BodyFraming
    /// The connection can take another exchange after this body: never after `.untilClose` and 101
    /// (Switching Protocols). Means nothing for the other 1xx, which another head follows.
    package let persists: Bool
    /// Connection lists something other than close, keep-alive, upgrade and te.
    package let connectionNamesFields: Bool

    /// The value of `field`, one of ``fields``; bytes that are no UTF-8 become U+FFFD.
    package func text(_ field: HeadField) -> String { bytes.text(field.valueRange) }

    /// The name of `field`, one of ``fields``, as sent.
    package func nameText(_ field: HeadField) -> String { bytes.text(field.nameRange) }

    /// The first field line of that name; for `.other` the first that is not well known.
    package func first(_ name: FieldName) -> HeadField? { fields.first { $0.name == name } }

    /// Whether Connection lists the name of `field`, one of ``fields``: then it ends here (RFC 9110, section
    /// 7.6.1).
    package func isNamedInConnection(_ field: HeadField) -> Bool { fields.connectionNames(field, in: bytes) }
}
