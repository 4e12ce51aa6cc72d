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
        var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)[...]
        if let first = lines.first, first.hasPrefix("\u{FEFF}") { lines[0] = first.dropFirst() }
        for (index, line) in lines.enumerated() {
            var rest = line.trimmed
            guard let first = rest.first, first != "#" else { continue }
            let place = "\(file) line \(index + 1)"
            if rest.hasPrefix("export"), rest.dropFirst(6).first?.isSpace == true {
                rest = rest.dropFirst(6).trimmed
            }
            guard let equals = rest.firstIndex(of: "=") else {
                throw ConfigurationError(place, "expected KEY=VALUE")
            }
            let key = rest[..<equals].trimmed
            guard isName(key) else {
                throw ConfigurationError(
                    place,
                    "the name before '=' must be of letters, digits and '_', and not begin with a digit")
            }
            values[String(key)] = try value(rest[rest.index(after: equals)...].trimmed, place)
        }
        return values
    }

    private static func value(_ text: Substring, _ place: String) throws(ConfigurationError) -> String {
        guard let quote = text.first, quote == "\"" || quote == "'" else { return unquoted(text) }
        var result = ""
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            if character == quote {
                let after = rest.trimmed
                guard after.isEmpty || after.hasPrefix("#") else {
                    throw ConfigurationError(place, "there is text after the closing quote")
                }
                return result
            }
            guard character == "\\", quote == "\"" else {
                result.append(character)
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
        for index in text.indices {
            if text[index] == "#", previousIsSpace { return String(text[..<index].trimmed) }
            previousIsSpace = text[index].isSpace
        }
        return String(text)
    }

    private static func isName(_ key: Substring) -> Bool {
        guard let first = key.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return key.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}

extension Character {
    fileprivate var isSpace: Bool { self == " " || self == "\t" }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var result = drop(while: \.isSpace)
        while result.last?.isSpace == true { result.removeLast() }
        return result
    }
}
