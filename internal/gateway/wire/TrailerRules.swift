/// Which fields may come after a body (RFC 9110, section 6.5.1): none that frames, routes, modifies or
/// authenticates the message or tells how to process it, as whoever merges trailers into the head would be
/// deceived after every check of the head is done.
enum TrailerRules {
    /// The rest of what RFC 9110 names; of the well-known names only ETag may come late.
    private static let forbidden: [StaticString] = [
        "accept", "accept-charset", "accept-language", "age", "allow", "authentication-info", "cookie",
        "content-language", "content-location", "expires", "from", "http2-settings", "if-match",
        "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "location", "max-forwards",
        "pragma", "proxy-authentication-info", "range", "referer", "set-cookie", "user-agent", "warning",
        "www-authenticate",
    ]

    /// Throws: `badRequest`.
    static func check(_ fields: [HeadField], _ bytes: UnsafeRawBufferPointer) throws(WireError) {
        for field in fields {
            let isAllowed =
                switch field.name {
                case .etag: true
                case .other: !forbidden.contains { bytes.hasText($0, in: field.nameRange) }
                default: false
                }
            guard isAllowed else { throw .badRequest("A field is not allowed in trailers.") }
        }
    }
}
