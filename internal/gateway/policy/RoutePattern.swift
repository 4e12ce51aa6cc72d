/// A pattern of paths: segments stand for themselves or, in braces (`{token}`), for any one; `/**` at its end stands for
/// nothing or any more segments.
///
/// Compared byte for byte with the path as the client wrote it: percent-encoding is not decoded, empty segments don't count.
/// Two that stand for the same paths are equal, whatever stands in their braces.
struct RoutePattern: Sendable, Hashable {
    enum Segment: Sendable, Hashable {
        case literal([UInt8])
        case any
    }

    static let maxBytes = 1_024
    static let maxSegments = 64

    let segments: [Segment]
    /// Whether it ends with `/**`.
    let isOpen: Bool

    /// - Throws: ``RoutePatternError``.
    init(_ text: String) throws(RoutePatternError) {
        guard text.utf8.count <= Self.maxBytes else {
            throw RoutePatternError("has more than \(Self.maxBytes) bytes")
        }
        guard text.utf8.first == UInt8(ascii: "/") else { throw RoutePatternError("must begin with '/'") }
        // What stands raw in no path (RFC 3986, section 3.3) would never match anything.
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !Self.impossible.contains($0) }) else {
            throw RoutePatternError(
                "must be of characters that stand in a path; all others are percent-encoded there")
        }
        var parts = text.utf8.split(separator: UInt8(ascii: "/"))
        isOpen = parts.last.map { $0.elementsEqual("**".utf8) } ?? false
        if isOpen { parts.removeLast() }
        guard parts.count <= Self.maxSegments else {
            throw RoutePatternError("has more than \(Self.maxSegments) segments")
        }
        var segments: [Segment] = []
        for part in parts {
            guard !part.contains(UInt8(ascii: "*")) else {
                throw RoutePatternError("has a '*' elsewhere than in '/**' at its end")
            }
            let hasBrace = part.contains { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }
            guard hasBrace else {
                segments.append(.literal(Array(part)))
                continue
            }
            let name = part.dropFirst().dropLast()
            guard part.first == UInt8(ascii: "{"), part.last == UInt8(ascii: "}"), part.count > 2,
                !name.contains(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") })
            else { throw RoutePatternError("has braces that aren't around a whole segment, as in '{name}'") }
            segments.append(.any)
        }
        self.segments = segments
    }

    private static let impossible = Array("\"#<>?[\\]^`|".utf8)
}

/// Why a text is no pattern.
struct RoutePatternError: Error, Hashable, CustomStringConvertible {
    /// To be read after the pattern.
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
