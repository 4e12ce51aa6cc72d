import Yams

/// Collects what is wrong with a file, so that all of it can be said at once. Not for concurrent use.
final class PolicyProblems {
    /// More don't help anybody.
    private static let limit = 100

    private let file: String
    private var found: [(line: Int, column: Int, text: String)] = []
    private var limits: [String: (limit: RateLimitPolicy, path: String)] = [:]

    init(file: String) {
        self.file = file
    }

    var isEmpty: Bool { found.isEmpty }

    func add(_ mark: Mark?, _ text: String) {
        add(line: mark?.line ?? 0, column: mark?.column ?? 0, text)
    }

    /// - Parameter line: 0 where it is the whole file.
    func add(line: Int, column: Int, _ text: String) {
        found.append((line, column, text))
    }

    /// Where another limit of the same name was met that says something else; they would count together.
    func conflict(_ limit: RateLimitPolicy, at path: String) -> String? {
        guard let known = limits[limit.name] else {
            limits[limit.name] = (limit, path)
            return nil
        }
        return known.limit == limit ? nil : known.path
    }

    /// In the order of the file.
    var lines: [String] {
        let sorted = found.sorted { ($0.line, $0.column, $0.text) < ($1.line, $1.column, $1.text) }
        var lines = sorted.prefix(Self.limit).map { problem in
            problem.line == 0
                ? "\(file): \(problem.text)" : "\(file):\(problem.line):\(problem.column): \(problem.text)"
        }
        if found.count > Self.limit { lines.append("\(file): and \(found.count - Self.limit) more") }
        return lines
    }
}

/// A value in the file, and what it is called there.
struct PolicyNode {
    let node: Node
    /// `routes[3].retries.attempts`; empty for the root.
    let path: String
    let problems: PolicyProblems

    init(_ node: Node, path: String, problems: PolicyProblems) {
        self.node = node
        self.path = path
        self.problems = problems
    }

    func report(_ text: String) {
        problems.add(node.mark, "\(path.isEmpty ? "the file" : path) \(text)")
    }

    /// A mapping with some of these keys; nil for anything else, which is reported, as other keys are.
    func mapping(_ keys: [String]) -> PolicyMapping? {
        guard let entries = entries() else { return nil }
        for entry in entries where !keys.contains(entry.key) {
            let nearest = Nearest.of(entry.key, among: keys)
            entry.keyNode.report("is unknown; \(nearest)")
        }
        return PolicyMapping(
            node: self, values: Dictionary(entries.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }))
    }

    /// A mapping whose keys are names; as ``mapping(_:)``.
    func named(_ isName: (String) -> Bool, _ rule: String) -> [(key: String, value: PolicyNode)]? {
        guard let entries = entries() else { return nil }
        return entries.compactMap { entry in
            guard isName(entry.key) else {
                entry.keyNode.report("is no name: \(rule)")
                return nil
            }
            return (entry.key, entry.value)
        }
    }

    /// The parts of a list; nil for anything else, which is reported.
    func list(atMost limit: Int) -> [PolicyNode]? {
        guard case .sequence(let sequence) = node else {
            report("must be a list")
            return nil
        }
        guard sequence.count <= limit else {
            report("has more than \(limit) entries")
            return nil
        }
        return sequence.enumerated().map { index, part in
            PolicyNode(part, path: "\(path)[\(index)]", problems: problems)
        }
    }

    /// A text; nil for anything else, which is reported.
    func text(_ what: String = "a text") -> String? {
        guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
            report("must be \(what)")
            return nil
        }
        return scalar.string
    }

    /// A text without quotes, as numbers and words are; nil without a report for anything else.
    var word: String? {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else {
            return nil
        }
        return scalar.string.isEmpty ? nil : scalar.string
    }

    /// Whether it says `off`.
    var isOff: Bool { word == "off" }

    private func entries() -> [(key: String, keyNode: PolicyNode, value: PolicyNode)]? {
        guard case .mapping(let mapping) = node else {
            report("must be a mapping of keys and values")
            return nil
        }
        var seen: Set<String> = []
        var entries: [(key: String, keyNode: PolicyNode, value: PolicyNode)] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else {
                PolicyNode(key, path: path, problems: problems).report("has a key that is no text")
                continue
            }
            let name = path.isEmpty ? scalar.string : "\(path).\(scalar.string)"
            let keyNode = PolicyNode(key, path: name, problems: problems)
            guard seen.insert(scalar.string).inserted else {
                keyNode.report("stands twice")
                continue
            }
            entries.append((scalar.string, keyNode, PolicyNode(value, path: name, problems: problems)))
        }
        return entries
    }
}

/// The word that somebody may have meant.
enum Nearest {
    static func of(_ word: String, among known: [String]) -> String {
        let best = known.map { (word: $0, distance: distance(word, $0)) }.min { $0.distance < $1.distance }
        guard let best, best.distance <= max(2, best.word.utf8.count / 3) else {
            return known.isEmpty
                ? "nothing is known here" : "known are " + known.sorted().joined(separator: ", ")
        }
        return "did you mean '\(best.word)'?"
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). Long words are nobody's typo.
    private static func distance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a.lowercased().utf8.prefix(64)), Array(b.utf8.prefix(64)))
        var rows = [Array(0...b.count)]
        for i in 1..<(a.count + 1) {
            var row = [i]
            for j in 1..<(b.count + 1) {
                var cost = min(
                    rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    cost = min(cost, rows[i - 2][j - 2] + 1)
                }
                row.append(cost)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
