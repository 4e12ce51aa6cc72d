/// The `Authorization` field of RFC 6750, section 2.1.
package enum BearerToken {
    /// Longer ones are none of ours, in bytes.
    private static let maxBytes = 8 << 10

    /// The token in the field's value; nil where it holds anything else.
    package static func text(_ field: String) -> String? {
        let parts = field.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer", parts[1].utf8.count <= maxBytes,
            parts[1].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        return String(parts[1])
    }
}
