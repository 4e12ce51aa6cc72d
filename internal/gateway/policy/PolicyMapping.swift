import Foundation
import SoukText

/// A mapping of the file, whose keys are known. Values are read into what holds where they are left out; those that can't be
/// are reported, and leave it as it was.
struct PolicyMapping {
    let node: PolicyNode
    private let values: [String: PolicyNode]

    init(node: PolicyNode, values: [String: PolicyNode]) {
        self.node = node
        self.values = values
    }

    subscript(key: String) -> PolicyNode? { values[key] }

    /// The value; reports where there is none.
    func required(_ key: String) -> PolicyNode? {
        if let value = values[key] { return value }
        node.report("must have '\(key)'")
        return nil
    }

    func bool(_ key: String, _ target: inout Bool) {
        guard let value = values[key] else { return }
        switch value.word {
        case "true": target = true
        case "false": target = false
        default: value.report("must be true or false")
        }
    }

    func int(_ key: String, _ target: inout Int, in range: ClosedRange<Int>) {
        guard let value = values[key] else { return }
        guard let word = value.word, word.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(word),
            range.contains(number)
        else { return value.report("must be \(range.lowerBound) to \(range.upperBound)") }
        target = number
    }

    /// `250ms`, `30s`, `15m`, `24h`, `7d`.
    func duration(_ key: String, _ target: inout Duration, in range: ClosedRange<Duration>) {
        guard let value = values[key] else { return }
        let units: [(String, Int)] = [
            ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
        ]
        guard let milliseconds = Self.number(value.word, units) else {
            return value.report("must be a duration such as 250ms, 30s, 15m, 24h or 7d")
        }
        guard range.contains(.milliseconds(milliseconds)) else {
            return value.report(
                "must be \(Self.written(range.lowerBound)) to \(Self.written(range.upperBound))")
        }
        target = .milliseconds(milliseconds)
    }

    /// `512B`, `64KiB`, `1MiB`, `2GiB`.
    func size(_ key: String, _ target: inout Int, in range: ClosedRange<Int>) {
        guard let value = values[key] else { return }
        let units: [(String, Int)] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]
        guard let bytes = Self.number(value.word, units) else {
            return value.report("must be a size such as 512B, 64KiB or 1MiB")
        }
        guard range.contains(bytes) else {
            return value.report(
                "must be \(Self.written(range.lowerBound)) to \(Self.written(range.upperBound))")
        }
        target = bytes
    }

    /// One part in so many: `1/8`.
    func share(_ key: String, _ target: inout Int, in range: ClosedRange<Int>) {
        guard let value = values[key] else { return }
        guard let digits = value.word?.withoutPrefix(bytes: "1/"),
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let parts = Int(digits),
            range.contains(parts)
        else { return value.report("must be 1/\(range.lowerBound) to 1/\(range.upperBound)") }
        target = parts
    }

    func choice<T: RawRepresentable & CaseIterable>(_ key: String, _ target: inout T)
    where T.RawValue == String {
        guard let value = values[key] else { return }
        guard let choice = value.word.flatMap(T.init(rawValue:)) else {
            let known = T.allCases.map(\.rawValue)
            return value.report(
                known.count == 1 ? "must be \(known[0])" : "must be one of \(known.joined(separator: ", "))")
        }
        target = choice
    }

    /// Something that can be switched `off`, or a mapping whose values are read into what holds already, or `fresh`.
    func switchable<T>(
        _ key: String, _ target: inout T?, fresh: T, keys: [String], _ read: (PolicyMapping, inout T) -> Void
    ) {
        guard let value = values[key] else { return }
        if value.isOff {
            target = nil
        } else if let mapping = value.mapping(keys) {
            var part = target ?? fresh
            read(mapping, &part)
            target = part
        }
    }

    private static func number(_ word: String?, _ units: [(String, Int)]) -> Int? {
        guard let word else { return nil }
        let digits = Substring(word.utf8.prefix(while: \.isASCIIDigit))
        guard let number = Int(digits),
            let unit = units.first(where: { word[digits.endIndex...].equals(bytes: $0.0) })
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.1)
        return overflow ? nil : product
    }

    private static func written(_ duration: Duration) -> String {
        let milliseconds = duration.wholeNanoseconds / 1_000_000
        let units: [(Int64, String)] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")]
        for (unit, name) in units where milliseconds >= unit && milliseconds % unit == 0 {
            return "\(milliseconds / unit)\(name)"
        }
        return "\(milliseconds)ms"
    }

    /// A size as the file says it.
    static func written(_ bytes: Int) -> String {
        let units: [(Int, String)] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        for (unit, name) in units where bytes >= unit && bytes % unit == 0 { return "\(bytes / unit)\(name)" }
        return "\(bytes)B"
    }
}
