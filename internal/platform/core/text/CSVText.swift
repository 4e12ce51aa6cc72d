/// Text inside comma-separated values (RFC 4180).
package enum CSVText {
    /// One field in double quotes, with those inside it doubled.
    ///
    /// A field that a spreadsheet would take for a formula, because it begins with `=`, `+`, `-`, `@`, a tab or a line end, is given
    /// an apostrophe in front, which spreadsheets hide.
    package static func field(_ text: some StringProtocol) -> String {
        let isFormula = text.utf8.first.map { "=+-@\t\r\n".utf8.contains($0) } ?? false
        return "\"\(isFormula ? "'" : "")\(text.replacing(bytes: "\"", with: "\"\""))\""
    }
}
