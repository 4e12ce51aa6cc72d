/// One value as a database stores it: the five storage classes every driver maps its own types onto.
///
/// Booleans travel as the integers 0 and 1, times as integer microseconds, identifiers as lowercase text.
package enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])
}

extension SQLValue {
    /// Whether this is SQL `NULL`.
    package var isNull: Bool { self == .null }

    /// The storage class by name, for error messages; never the value itself.
    var storageClass: String {
        switch self {
        case .null: "NULL"
        case .integer: "an integer"
        case .real: "a real number"
        case .text: "text"
        case .blob: "a blob"
        }
    }
}
