import Foundation
import SoukText

/// The configuration: named values from the process's environment and a `.env` file, read with their types.
///
/// For every `NAME`, a variable `NAME_FILE` may name a file that holds the value instead (trailing newlines
/// trimmed), as container platforms mount secrets; setting both is an error. A variable that is set but empty
/// counts as not set.
package struct Environment: Sendable {
    private let values: [String: String]

    /// Exactly these variables, nothing of the process's.
    package init(values: [String: String]) {
        self.values = values
    }

    /// The process's variables and, below them, those of the file at `path`, which need not exist.
    ///
    /// A process variable hides both `NAME` and `NAME_FILE` of the file. `nil` reads no file.
    /// Throws: `ConfigurationError` when the file can't be read or a line of it is malformed.
    package static func load(dotEnv path: String? = ".env") throws(ConfigurationError) -> Environment {
        try load(process: ProcessInfo.processInfo.environment, dotEnv: path)
    }

    static func load(process: [String: String], dotEnv path: String?) throws(ConfigurationError)
        -> Environment
    {
        guard let path, FileManager.default.fileExists(atPath: path) else {
            return Environment(values: process)
        }
        let text = try contents(of: path, for: path)
        var values = process
        for (name, value) in try DotEnv.parse(text, file: path) {
            let base =
                name.hasSuffix(bytes: "_FILE") ? String(decoding: name.utf8.dropLast(5), as: UTF8.self) : name
            if process[base] == nil, process[base + "_FILE"] == nil { values[name] = value }
        }
        return Environment(values: values)
    }

    /// The value, `nil` when it is not set.
    ///
    /// Throws: `ConfigurationError` when `NAME` and `NAME_FILE` are both set, or the file can't be read.
    package func optionalString(_ name: String) throws(ConfigurationError) -> String? {
        let value = values[name].flatMap { $0.isEmpty ? nil : $0 }
        guard let file = values[name + "_FILE"], !file.isEmpty else { return value }
        guard value == nil else {
            throw ConfigurationError(name, "is set, and so is \(name)_FILE; only one of them can be")
        }
        let text = try Self.contents(of: file, for: name + "_FILE").trimmingLineEnd()
        return text.isEmpty ? nil : String(text)
    }

    /// The value, which must be set.
    ///
    /// Throws: `ConfigurationError` when it is not, and as ``optionalString(_:)``.
    package func string(_ name: String) throws(ConfigurationError) -> String {
        guard let value = try optionalString(name) else { throw ConfigurationError(name, "is not set") }
        return value
    }

    /// The value, or `default` when it is not set.
    ///
    /// Throws: as ``optionalString(_:)``.
    package func string(_ name: String, default: String) throws(ConfigurationError) -> String {
        try optionalString(name) ?? `default`
    }

    /// A whole number within `range`.
    ///
    /// Throws: `ConfigurationError` when it is none, or out of range, and as ``optionalString(_:)``.
    package func int(
        _ name: String, default: Int, in range: ClosedRange<Int> = Int.min...Int.max
    ) throws(ConfigurationError) -> Int {
        guard let text = try optionalString(name) else { return `default` }
        guard let value = Int(text), range.contains(value) else {
            let bounds =
                range == Int.min...Int.max ? "" : " from \(range.lowerBound) to \(range.upperBound)"
            throw ConfigurationError(name, "'\(text)' is not a whole number\(bounds)")
        }
        return value
    }

    /// `true`, `yes`, `on`, `1` or `false`, `no`, `off`, `0`, in any case.
    ///
    /// Throws: `ConfigurationError` for anything else, and as ``optionalString(_:)``.
    package func bool(_ name: String, default: Bool) throws(ConfigurationError) -> Bool {
        guard let text = try optionalString(name) else { return `default` }
        switch text.lowercasedASCII() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw ConfigurationError(name, "'\(text)' is neither true nor false")
        }
    }

    /// A whole number and its unit, as `250ms`, `30s`, `15m`, `24h`, `7d`; never negative.
    ///
    /// Throws: `ConfigurationError` for anything else, and as ``optionalString(_:)``.
    package func duration(_ name: String, default: Duration) throws(ConfigurationError) -> Duration {
        guard let text = try optionalString(name) else { return `default` }
        let digits = Substring(text.utf8.prefix(while: \.isASCIIDigit))
        let milliseconds: Int64? =
            switch text[digits.endIndex...] {
            case "ms": 1
            case "s": 1_000
            case "m": 60_000
            case "h": 3_600_000
            case "d": 86_400_000
            default: nil
            }
        guard let milliseconds, let count = Int64(digits) else {
            throw ConfigurationError(name, "'\(text)' is not a duration such as 250ms, 30s, 15m, 24h or 7d")
        }
        let (product, overflow) = count.multipliedReportingOverflow(by: milliseconds)
        guard !overflow else { throw ConfigurationError(name, "'\(text)' is too long a duration") }
        return .milliseconds(product)
    }

    /// The parts of a comma-separated value, trimmed, without empty ones; empty when it is not set.
    ///
    /// Throws: as ``optionalString(_:)``.
    package func list(_ name: String) throws(ConfigurationError) -> [String] {
        (try optionalString(name) ?? "").split(byte: ",")
            .map { String($0.trimmingBlanks()) }
            .filter { !$0.isEmpty }
    }

    /// A value that must not be seen; `nil` when it is not set.
    ///
    /// Throws: as ``optionalString(_:)``.
    package func secret(_ name: String) throws(ConfigurationError) -> Secret<String>? {
        try optionalString(name).map { Secret($0) }
    }

    private static func contents(of path: String, for name: String) throws(ConfigurationError) -> String {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            let reason = FileManager.default.fileExists(atPath: path) ? "can't be read" : "does not exist"
            throw ConfigurationError(name, path == name ? reason : "the file '\(path)' \(reason)")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ConfigurationError(name, path == name ? "is not UTF-8" : "the file '\(path)' is not UTF-8")
        }
        return text
    }
}
