/// Text inside the small languages that SQL has for searching. Values themselves are bound, never written into a statement.
package enum SQLText {
    /// A `LIKE` pattern for texts that contain this one, with a backslash as escape character (`ESCAPE '\'`).
    package static func pattern(containing text: String) -> String {
        var pattern: [UInt8] = [UInt8(ascii: "%")]
        for byte in text.utf8 {
            if "\\%_".utf8.contains(byte) { pattern.append(UInt8(ascii: "\\")) }
            pattern.append(byte)
        }
        pattern.append(UInt8(ascii: "%"))
        return String(decoding: pattern, as: UTF8.self)
    }

    /// A query of SQLite's FTS5 for texts that contain this one: a string in double quotes, with those inside it doubled.
    ///
    /// `nil` when the text has a NUL, where FTS5 would end the query.
    package static func phrase(_ text: String) -> String? {
        guard !text.utf8.contains(0) else { return nil }
        return "\"\(text.replacing(bytes: "\"", with: "\"\""))\""
    }
}
