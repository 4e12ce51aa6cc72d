import SoukDatabase
import SoukMoney

extension Row {
    /// The column's minor units in the currency of the row's `currency` column.
    ///
    /// - Throws: `.decoding` when the currency is not one we know.
    func money(_ column: String, currency: String = "currency") throws(DatabaseError) -> Money {
        let code = try get(currency, as: String.self)
        guard let known = Currency(code) else {
            throw DatabaseError(.decoding, detail: "column \(currency): no currency \(code)")
        }
        return Money(try get(column), known)
    }

    /// The column's text as one of an enumeration's values.
    ///
    /// - Throws: `.decoding` when it is none of them.
    func choice<T: RawRepresentable<String>>(
        _ column: String, as type: T.Type = T.self
    ) throws(DatabaseError) -> T {
        let text = try get(column, as: String.self)
        guard let value = T(rawValue: text) else {
            throw DatabaseError(.decoding, detail: "column \(column): unknown value \(text)")
        }
        return value
    }
}
