/// A request's method (RFC 9110, section 9; PATCH: RFC 5789). Methods are case-sensitive: `get` is `.other`.
package enum RequestMethod: UInt8, Sendable, CaseIterable {
    case get, head, post, put, patch, delete, options, connect, trace
    /// A token that is none of these; its bytes are at the start of the head.
    case other

    /// Asks for nothing to change (RFC 9110, section 9.2.1).
    package var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace: true
        default: false
        }
    }

    /// Sent twice, it means the same as sent once (RFC 9110, section 9.2.2), so it may be tried again.
    package var isIdempotent: Bool { isSafe || self == .put || self == .delete }

    /// As on the wire; `_OTHER` for `.other`, for logs and metrics. Never allocates.
    package var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .connect: "CONNECT"
        case .trace: "TRACE"
        case .other: "_OTHER"
        }
    }

    /// The method that these bytes, a token, name.
    init(_ bytes: UnsafeRawBufferPointer, length: Int) {
        @inline(__always) func has(_ name: StaticString) -> Bool {
            for index in 0..<name.utf8CodeUnitCount where bytes[index] != name.utf8Start[index] {
                return false
            }
            return true
        }
        switch length {
        case 3: self = has("GET") ? .get : has("PUT") ? .put : .other
        case 4: self = has("POST") ? .post : has("HEAD") ? .head : .other
        case 5: self = has("PATCH") ? .patch : has("TRACE") ? .trace : .other
        case 6: self = has("DELETE") ? .delete : .other
        case 7: self = has("OPTIONS") ? .options : has("CONNECT") ? .connect : .other
        default: self = .other
        }
    }
}
