extension Row {
    /// The column's text as one of a closed set's values.
    ///
    /// - Throws: `.decoding` when it is none of them, and as ``get(_:as:)``.
    package func choice<T: RawRepresentable<String>>(
        _ column: String, as type: T.Type = T.self
    ) throws(DatabaseError) -> T {
        let text = try get(column, as: String.self)
        guard let value = T(rawValue: text) else {
            throw DatabaseError(.decoding, detail: "column \(column): unknown value \(text)")
        }
        return value
    }

    /// As ``choice(_:as:)``; nil where the column is `NULL`.
    package func optionalChoice<T: RawRepresentable<String>>(
        _ column: String, as type: T.Type = T.self
    ) throws(DatabaseError) -> T? {
        try get(column, as: String?.self) == nil ? nil : try choice(column, as: type)
    }
}
