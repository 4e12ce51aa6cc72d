import SoukText

/// Columns of text, aligned.
struct Table {
    private var rows: [[String]]
    /// Columns whose text ends at the same place: numbers.
    private let numeric: Set<Int>

    init(_ header: [String], numeric: Set<Int> = []) {
        rows = [header]
        self.numeric = numeric
    }

    mutating func add(_ cells: [String]) {
        rows.append(cells.map(\.printable))
    }

    /// Without a line break at the end.
    var text: String {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return numeric.contains(column) ? space + cell : cell + space
            }
            var line = cells.joined(separator: "  ")
            while line.hasSuffix(bytes: " ") { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}

extension Table {
    /// Names and values, one pair a line.
    static func list(_ pairs: [(String, String?)]) -> String {
        let width = pairs.map(\.0.count).max() ?? 0
        return pairs.compactMap { name, value in
            value.map { "\(name)\(String(repeating: " ", count: width - name.count))  \($0.printable)" }
        }.joined(separator: "\n")
    }
}
