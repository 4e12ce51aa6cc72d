import SoukText

/// Turns the free names of swift-metrics into those that Prometheus allows.
enum PrometheusNames {
    /// Longest label value that is kept, in characters.
    static let maxValueLength = 128

    /// `http.server.requests` → `http_server_requests`; characters outside `[a-zA-Z0-9_:]` become `_`.
    static func metric(_ label: String, suffix: String = "") -> String {
        let name = sanitize(label, allowsColon: true)
        return suffix.isEmpty || name.hasSuffix(bytes: suffix) ? name : name + suffix
    }

    /// The labels as they stand between braces, sorted by name, each name once (the last one counts).
    static func labels(_ dimensions: [(String, String)]) -> String {
        guard !dimensions.isEmpty else { return "" }
        var values: [String: String] = [:]
        for (name, value) in dimensions { values[label(name)] = value }
        return values.sorted { $0.key < $1.key }
            .map { "\($0.key)=\"\(escape(String($0.value.prefix(maxValueLength))))\"" }
            .joined(separator: ",")
    }

    /// A label name; `le`, which histograms use, and names beginning with `__`, which are Prometheus's own,
    /// are moved out of the way.
    private static func label(_ name: String) -> String {
        let name = sanitize(name, allowsColon: false)
        return name == "le" || name.hasPrefix(bytes: "__") ? "exported_" + name : name
    }

    private static func sanitize(_ text: String, allowsColon: Bool) -> String {
        var bytes: [UInt8] = []
        for (index, byte) in text.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "_"):
                bytes.append(byte)
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if index == 0 { bytes.append(UInt8(ascii: "_")) }
                bytes.append(byte)
            case UInt8(ascii: ":") where allowsColon: bytes.append(byte)
            default: bytes.append(UInt8(ascii: "_"))
            }
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }

    /// `\`, `"` and line feed, as the format says.
    private static func escape(_ value: String) -> String {
        value.replacing(bytes: "\\", with: "\\\\").replacing(bytes: "\"", with: "\\\"")
            .replacing(bytes: "\n", with: "\\n")
    }

    /// A sample value: whole numbers without a fraction, `+Inf`, `-Inf`, `NaN`.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return value.description
    }
}
