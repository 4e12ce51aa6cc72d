import SoukText

/// Reader of `.env` files.
///
/// One `KEY=VALUE` per line, `export ` before it allowed; empty lines and lines that start with `#` are
/// skipped. Unquoted values end at the end of the line or before ` #` and are trimmed. In 'single quotes'
/// everything stands for itself; in "double quotes" `\n \r \t \" \\ \$` are escapes. Quoted values end on the
/// line where they begin. Nothing is substituted. The last line for a key wins.
enum DotEnv {
    /// The variables of `text`; `file` names it in errors.
    ///
    /// Throws: `ConfigurationError` naming file and line, and never quoting the line, which may hold a
    /// secret.
    static func parse(_ text: String, file: String) throws(ConfigurationError) -> [String: String] {
        var values: [String: String] = [:]
        let text = text.withoutPrefix(bytes: "\u{FEFF}") ?? text[...]
        let lines = text.replacing(bytes: "\r\n", with: "\n").replacing(bytes: "\r", with: "\n")
            .split(byte: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            var rest = line.trimmingBlanks()
            guard !rest.isEmpty, !rest.hasPrefix(bytes: "#") else { continue }
            let place = "\(file) line \(index + 1)"
            if let exported = rest.withoutPrefix(bytes: "export"), exported.utf8.first?.isBlank == true {
                rest = exported.trimmingBlanks()
            }
            guard let (name, value) = rest.split(atFirst: "=") else {
                throw ConfigurationError(place, "expected KEY=VALUE")
            }
            let key = name.trimmingBlanks()
            guard isName(key) else {
                throw ConfigurationError(
                    place,
                    "the name before '=' must be of letters, digits and '_', and not begin with a digit")
            }
            values[String(key)] = try Self.value(value.trimmingBlanks(), place)
        }
        return values
    }

    private static func value(_ text: Substring, _ place: String) throws(ConfigurationError) -> String {
        var rest = text.unicodeScalars
        guard let quote = rest.popFirst(), ["\"", "'"].contains(quote) else { return unquoted(text) }
        var result = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            if scalar == quote {
                let after = Substring(rest).trimmingBlanks()
                guard after.isEmpty || after.hasPrefix(bytes: "#") else {
                    throw ConfigurationError(place, "there is text after the closing quote")
                }
                return String(result)
            }
            guard scalar == "\\", quote == "\"" else {
                result.append(scalar)
                continue
            }
            switch rest.popFirst() {
            case "n": result.append("\n")
            case "r": result.append("\r")
            case "t": result.append("\t")
            case "\"": result.append("\"")
            case "\\": result.append("\\")
            case "$": result.append("$")
            default:
                throw ConfigurationError(
                    place, "a '\\' in double quotes must be followed by n r t \" \\ or $")
            }
        }
        throw ConfigurationError(place, "the closing quote is missing")
    }

    private static func unquoted(_ text: Substring) -> String {
        var previousIsSpace = true
        for index in text.utf8.indices {
            let byte = text.utf8[index]
            if byte == UInt8(ascii: "#"), previousIsSpace { return String(text[..<index].trimmingBlanks()) }
            previousIsSpace = byte.isBlank
        }
        return String(text)
    }

    private static func isName(_ key: Substring) -> Bool {
        guard let first = key.utf8.first, !first.isASCIIDigit else { return false }
        return key.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "_") }
    }
}
