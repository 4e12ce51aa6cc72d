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
}
