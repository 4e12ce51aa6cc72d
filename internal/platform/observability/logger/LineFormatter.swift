import Logging
import SoukText

/// Makes the bytes of a log line. Whatever is logged, a line stays one line.
struct LineFormatter: Sendable {
    /// Longest text that is kept of one message or value, in bytes.
    static let maxTextLength = 16_384
    /// Deepest nesting of metadata that is written out.
    private static let maxDepth = 8

    /// Keys that lines always have; metadata of the same name is written with `meta_` before it.
    private static let reserved: Set<String> = ["time", "level", "service", "logger", "message"]

    private let isJSON: Bool
    private let isColored: Bool
    private let service: String

    init(format: LogFormat, service: String, isTerminal: Bool) {
        isJSON = format == .json || (format == .automatic && !isTerminal)
        isColored = isTerminal
        self.service = service
    }

    func line(
        level: Logger.Level, label: String, message: String, metadata: Logger.Metadata, at time: LogTime
    ) -> [UInt8] {
        isJSON
            ? jsonLine(level, label, message, metadata, time)
            : textLine(level, label, message, metadata, time)
    }

    // MARK: JSON

    private func jsonLine(
        _ level: Logger.Level, _ label: String, _ message: String, _ metadata: Logger.Metadata,
        _ time: LogTime
    ) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        func member(_ key: String, _ value: String) {
            line.append(line.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
            line.appendJSON(key)
            line.append(UInt8(ascii: ":"))
            line.appendJSON(value)
        }
        member("time", time.rfc3339)
        member("level", level.rawValue)
        member("service", service)
        member("logger", label)
        member("message", message)
        for key in metadata.keys.sorted() {
            guard let value = metadata[key] else { continue }
            line.append(UInt8(ascii: ","))
            line.appendJSON(Self.reserved.contains(key) ? "meta_" + key : key)
            line.append(UInt8(ascii: ":"))
            appendJSON(value, to: &line, depth: 0)
        }
        line.append(UInt8(ascii: "}"))
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private func appendJSON(_ value: Logger.MetadataValue, to line: inout [UInt8], depth: Int) {
        guard depth < Self.maxDepth else { return line.appendJSON("…") }
        switch value {
        case .string(let text): line.appendJSON(text)
        case .stringConvertible(let convertible): line.appendJSON(convertible.description)
        case .array(let values):
            line.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                appendJSON(value, to: &line, depth: depth + 1)
            }
            line.append(UInt8(ascii: "]"))
        case .dictionary(let members):
            line.append(UInt8(ascii: "{"))
            for (index, key) in members.keys.sorted().enumerated() {
                guard let value = members[key] else { continue }
                if index > 0 { line.append(UInt8(ascii: ",")) }
                line.appendJSON(key)
                line.append(UInt8(ascii: ":"))
                appendJSON(value, to: &line, depth: depth + 1)
            }
            line.append(UInt8(ascii: "}"))
        }
    }

    // MARK: Text

    private func textLine(
        _ level: Logger.Level, _ label: String, _ message: String, _ metadata: Logger.Metadata,
        _ time: LogTime
    ) -> [UInt8] {
        let name = level.rawValue.uppercasedASCII()
        let padded = name + String(repeating: " ", count: max(0, 8 - name.count))
        var line = [UInt8](time.rfc3339.utf8)
        line.append(UInt8(ascii: " "))
        line.append(contentsOf: (isColored ? "\(Self.color(level))\(padded)\u{1B}[0m" : padded).utf8)
        line.append(UInt8(ascii: " "))
        line.appendEscaped(label)
        line.append(UInt8(ascii: " "))
        line.appendEscaped(message)
        for key in metadata.keys.sorted() {
            guard let value = metadata[key] else { continue }
            line.append(UInt8(ascii: " "))
            line.appendEscaped(key)
            line.append(UInt8(ascii: "="))
            appendText(value, to: &line)
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private func appendText(_ value: Logger.MetadataValue, to line: inout [UInt8]) {
        switch value {
        case .string(let text): appendQuoted(text, to: &line)
        case .stringConvertible(let convertible): appendQuoted(convertible.description, to: &line)
        case .array, .dictionary: appendJSON(value, to: &line, depth: 0)
        }
    }

    private func appendQuoted(_ text: String, to line: inout [UInt8]) {
        let isPlain =
            !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 < 0x7f }
        if isPlain {
            line.appendEscaped(text)
        } else {
            line.appendJSON(text)
        }
    }

    private static func color(_ level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "\u{1B}[2m"
        case .info, .notice: "\u{1B}[32m"
        case .warning: "\u{1B}[33m"
        case .error, .critical: "\u{1B}[31m"
        }
    }
}

extension [UInt8] {
    /// Appends a JSON string (RFC 8259), with everything escaped that could end a line or reorder it on a
    /// screen.
    mutating func appendJSON(_ text: String) {
        append(UInt8(ascii: "\""))
        appendLogText(text, escapingQuotes: true, limit: LineFormatter.maxTextLength)
        append(UInt8(ascii: "\""))
    }

    /// Appends text for people, control characters written as `\n` or `\u001b`.
    mutating func appendEscaped(_ text: String) {
        appendLogText(text, limit: LineFormatter.maxTextLength)
    }
}
