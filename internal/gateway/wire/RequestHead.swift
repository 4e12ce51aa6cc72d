package import NIOCore

/// Where a message's body ends (RFC 9112, section 6.3).
package enum BodyFraming: Sendable, Equatable {
    /// There is no body.
    case none
    /// So many bytes; 0 when Content-Length says so.
    case length(Int)
    /// Chunks and a trailer section (RFC 9112, section 7.1).
    case chunked
    /// Everything until the connection closes; only in responses.
    case untilClose
}

/// A request's head that is unambiguous, as its bytes and offsets into them (RFC 9112, section 3 and 5).
///
/// Holds a slice of the buffer that it was parsed from: while it lives, a write to that buffer copies it.
package struct RequestHead: Sendable {
    /// Exactly the head: from the method to the empty line's CRLF, starting at 0.
    package let bytes: ByteBuffer
    /// The field lines in order.
    package let fields: [HeadField]
    package let method: RequestMethod
    /// The method is at offset 0.
    package let methodLength: Int32
    /// The request-target as sent.
    package let targetStart, targetLength: Int32
    /// The path without query; `*` for `OPTIONS *`.
    package let pathStart, pathLength: Int32
    /// The target in origin-form with its query: what a proxy sends on. For an absolute-form target it is
    /// what follows the authority, `/` for an empty path.
    package let originStart, originLength: Int32
    /// The authority of an absolute-form target, else the value of Host; the length is 0 when there is
    /// neither, which only HTTP/1.0 allows. When there are both they are the same.
    package let authorityStart, authorityLength: Int32
    /// The offset of the first field line.
    package let fieldsStart: Int32
    /// 0 or 1.
    package let minorVersion: UInt8
    /// `.none`, `.length` or `.chunked`.
    package let framing: BodyFraming
    /// The connection is kept after this exchange, as far as the client goes (RFC 9112, section 9.3).
    package let persists: Bool
    /// The client waits for 100 (Continue) before it sends its body (RFC 9110, section 10.1.1).
    package let expectsContinue: Bool
    /// A GET of HTTP/1.1 without a body, with `Upgrade: websocket`, named in Connection (RFC 6455, section
    /// 4.1). False when other protocols are offered too: an upstream could choose one of them.
    package let wantsWebSocket: Bool
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

    /// The path without query, as sent: neither decoded nor normalised.
    package var path: String { bytes.text(Int(pathStart)..<Int(pathStart + pathLength)) }

    /// Path and query as sent.
    package var origin: String { bytes.text(Int(originStart)..<Int(originStart + originLength)) }

    /// Host and port as sent; nil when HTTP/1.0 named none.
    package var authority: String? {
        authorityLength == 0
            ? nil : bytes.text(Int(authorityStart)..<Int(authorityStart + authorityLength))
    }
}

extension ByteBuffer {
    func text(_ range: Range<Int>) -> String {
        getString(at: readerIndex + range.lowerBound, length: range.count) ?? ""
    }
}

extension [HeadField] {
    func connectionNames(_ field: HeadField, in bytes: ByteBuffer) -> Bool {
        bytes.withUnsafeReadableBytes { bytes in
            var isNamed = false
            for connection in self where connection.name == .connection {
                bytes.forEachElement(of: connection.valueRange) { element in
                    isNamed = isNamed || bytes.isSameText(element, field.nameRange)
                    return !isNamed
                }
            }
            return isNamed
        }
    }
}
