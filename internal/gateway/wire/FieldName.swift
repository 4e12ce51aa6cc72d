/// Well-known field names, recognised case-insensitively while parsing; everything else is `.other`.
package enum FieldName: UInt8, Sendable, CaseIterable {
    case other, host, connection, keepAlive, proxyConnection, proxyAuthenticate, proxyAuthorization, te
    case trailer, transferEncoding, upgrade, contentLength, contentEncoding, contentType, contentRange
    case acceptEncoding, expect, authorization, origin, accessControlRequestMethod, forwarded
    case xForwardedFor, xForwardedHost, xForwardedProto, xForwardedPort, xRealIP, xRequestID, via
    case traceparent, tracestate, date, server, etag, vary, cacheControl, retryAfter, secWebSocketKey

    /// The name at `start`, a token of `length` bytes.
    ///
    /// The length leaves at most four candidates.
    init(_ bytes: UnsafeRawBufferPointer, at start: Int, length: Int) {
        @inline(__always) func has(_ name: StaticString) -> Bool {
            bytes.hasToken(name, at: start)
        }
        switch length {
        case 2: self = has("te") ? .te : .other
        case 3: self = has("via") ? .via : .other
        case 4:
            self =
                has("host") ? .host : has("date") ? .date : has("etag") ? .etag : has("vary") ? .vary : .other
        case 6: self = has("origin") ? .origin : has("expect") ? .expect : has("server") ? .server : .other
        case 7: self = has("upgrade") ? .upgrade : has("trailer") ? .trailer : .other
        case 9: self = has("x-real-ip") ? .xRealIP : has("forwarded") ? .forwarded : .other
        case 10:
            self =
                has("connection")
                ? .connection : has("keep-alive") ? .keepAlive : has("tracestate") ? .tracestate : .other
        case 11: self = has("traceparent") ? .traceparent : has("retry-after") ? .retryAfter : .other
        case 12: self = has("content-type") ? .contentType : has("x-request-id") ? .xRequestID : .other
        case 13:
            self =
                has("authorization")
                ? .authorization
                : has("cache-control") ? .cacheControl : has("content-range") ? .contentRange : .other
        case 14: self = has("content-length") ? .contentLength : .other
        case 15:
            self =
                has("accept-encoding") ? .acceptEncoding : has("x-forwarded-for") ? .xForwardedFor : .other
        case 16:
            self =
                has("content-encoding")
                ? .contentEncoding
                : has("proxy-connection")
                    ? .proxyConnection
                    : has("x-forwarded-host")
                        ? .xForwardedHost : has("x-forwarded-port") ? .xForwardedPort : .other
        case 17:
            self =
                has("transfer-encoding")
                ? .transferEncoding
                : has("x-forwarded-proto")
                    ? .xForwardedProto : has("sec-websocket-key") ? .secWebSocketKey : .other
        case 18: self = has("proxy-authenticate") ? .proxyAuthenticate : .other
        case 19: self = has("proxy-authorization") ? .proxyAuthorization : .other
        case 29: self = has("access-control-request-method") ? .accessControlRequestMethod : .other
        default: self = .other
        }
    }
}

/// One field line (RFC 9112, section 5), as offsets into its head's bytes. The value is without the white
/// space around it.
package struct HeadField: Sendable, Equatable {
    package let name: FieldName
    package let nameStart, nameLength, valueStart, valueLength: Int32
    /// The offset after the line's CRLF; the line's first byte is at `nameStart`.
    package let lineEnd: Int32

    /// Where the name lies.
    package var nameRange: Range<Int> { Int(nameStart)..<Int(nameStart + nameLength) }
    /// Where the value lies; may be empty.
    package var valueRange: Range<Int> { Int(valueStart)..<Int(valueStart + valueLength) }
    /// The whole line with its CRLF: what a proxy copies.
    package var lineRange: Range<Int> { Int(nameStart)..<Int(lineEnd) }
}
