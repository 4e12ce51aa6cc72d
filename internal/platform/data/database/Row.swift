/// The names of a statement's columns, shared by all its rows.
package final class RowColumns: Sendable {
    /// The names in the statement's order.
    package let names: [String]
    private let indices: [String: Int]

    package init(_ names: [String]) {
        self.names = names
        // Of two columns with one name the first wins, as in every database's own name lookup.
        indices = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func index(of name: String) -> Int? { indices[name] }
}

/// One row of a result: values by column, with the names shared by the whole result.
package struct Row: Sendable {
    /// The columns of the result.
    package let columns: RowColumns
    /// The values in the columns' order.
    package let values: [SQLValue]

    /// - Parameter values: One value for each column.
    package init(columns: RowColumns, values: [SQLValue]) {
        precondition(columns.names.count == values.count, "a row has one value for each column")
        self.columns = columns
        self.values = values
    }

    /// The value of the column, converted; ask for an optional type where the column may be `NULL`.
    ///
    /// - Throws: `.decoding` for an unknown column or a value of another kind; the detail names the column.
    package func get<T: SQLDecodable>(
        _ column: String, as type: T.Type = T.self
    ) throws(DatabaseError) -> T {
        guard let index = columns.index(of: column) else {
            throw DatabaseError(
                .decoding, detail: "no column \(column) among \(columns.names.joined(separator: ", "))")
        }
        do {
            return try T(sqlValue: values[index])
        } catch {
            throw DatabaseError(.decoding, detail: "column \(column): \(error.detail ?? "unreadable")")
        }
    }
}
