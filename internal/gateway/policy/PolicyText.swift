import Yams

extension PolicyNode {
    /// The root of a file's only document; nil where it can't be read, which is reported.
    init?(text: String, problems: PolicyProblems) {
        guard text.utf8.count <= PolicyFile.maxBytes else {
            problems.add(nil, "the file has more than \(PolicyFile.maxBytes) bytes")
            return nil
        }
        if let (line, column, what) = PolicyText.refused(text) {
            problems.add(line: line, column: column, what)
            return nil
        }
        do {
            // Not the default, which looks at the environment.
            guard let root = try Yams.compose(yaml: text, .default, .default, .utf8) else {
                problems.add(nil, "the file is empty")
                return nil
            }
            self.init(root, path: "", problems: problems)
        } catch {
            PolicyText.report(error, to: problems)
            return nil
        }
    }
}

/// What of YAML is not taken, and what its parser says.
enum PolicyText {
    /// The first place that is refused before anything is parsed: an anchor or alias, of which a short text can make a document
    /// of any size, or a character that only YAML takes for the end of a line.
    ///
    /// Finds every anchor. Takes for one what is none only within quotes or block scalars, and in comments behind quotes.
    static func refused(_ text: String) -> (line: Int, column: Int, what: String)? {
        let bytes = Array(text.utf8)
        var line = 1
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
            let content = bytes[start..<(end ?? bytes.count)]
            if let found = refused(content) { return (line, found.column, found.what) }
            guard let end else { break }
            let isPair =
                bytes[end] == UInt8(ascii: "\r") && end + 1 < bytes.count
                && bytes[end + 1] == UInt8(ascii: "\n")
            start = end + (isPair ? 2 : 1)
            line += 1
        }
        return nil
    }

    private static func refused(_ line: ArraySlice<UInt8>) -> (column: Int, what: String)? {
        let breaks: [[UInt8]] = [[0xC2, 0x85], [0xE2, 0x80, 0xA8], [0xE2, 0x80, 0xA9]]
        for index in line.indices where line[index] >= 0xC2 {
            if breaks.contains(where: { line[index...].starts(with: $0) }) {
                return (column(index, line), "U+0085, U+2028 and U+2029 are not taken")
            }
        }
        let isSpace = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard let first = line.firstIndex(where: { !isSpace($0) }), line[first] != UInt8(ascii: "#") else {
            return nil
        }
        var end = line.endIndex
        if !line.contains(UInt8(ascii: "\"")), !line.contains(UInt8(ascii: "'")) {
            end =
                line.indices.dropFirst().first {
                    line[$0] == UInt8(ascii: "#") && isSpace(line[$0 - 1])
                } ?? end
        }
        for index in first..<end where line[index] == UInt8(ascii: "&") || line[index] == UInt8(ascii: "*") {
            let isStart = index == first || boundary.contains(line[index - 1])
            guard isStart, index + 1 < line.endIndex, isAnchorCharacter(line[index + 1]) else { continue }
            return (column(index, line), "anchors ('&name') and aliases ('*name') are not taken")
        }
        return nil
    }

    private static let boundary = Array(" \t[]{},:?-!\"'".utf8)

    private static func isAnchorCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// As the parser counts: characters, from 1.
    private static func column(_ index: Int, _ line: ArraySlice<UInt8>) -> Int {
        line[..<index].count { $0 & 0xC0 != 0x80 } + 1
    }

    static func report(_ error: any Error, to problems: PolicyProblems) {
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            // The parser's words for where it stood, `while parsing a block mapping`, help; its excerpts don't.
            let place = context.map { " (\($0.text), from line \($0.mark.line))" } ?? ""
            problems.add(mark, "is not YAML: \(problem)\(place)")
        case .duplicatedKeysInMapping(let keys, let context):
            let names = keys.map { "'\($0)'" }.joined(separator: ", ")
            problems.add(context.mark, "\(names) stands twice in one mapping")
        case .reader(let problem, _, _, _):
            problems.add(nil, "is not YAML: \(problem)")
        default:
            problems.add(nil, "is not YAML")
        }
    }
}
