package import SoukIDs
package import SoukTime

/// A value that can be bound to a statement. Enumerations bind their `rawValue` at the call site.
package protocol SQLBindable: Sendable {
    /// The value as the database stores it.
    var sqlValue: SQLValue { get }
}

extension SQLValue: SQLBindable {
    package var sqlValue: SQLValue { self }
}

extension Int: SQLBindable {
    package var sqlValue: SQLValue { .integer(Int64(self)) }
}

extension Int64: SQLBindable {
    package var sqlValue: SQLValue { .integer(self) }
}

extension Bool: SQLBindable {
    /// 1 for true, 0 for false.
    package var sqlValue: SQLValue { .integer(self ? 1 : 0) }
}

extension Double: SQLBindable {
    /// Not-a-number cannot be stored; drivers refuse it rather than write `NULL` in its place.
    package var sqlValue: SQLValue { .real(self) }
}

extension String: SQLBindable {
    package var sqlValue: SQLValue { .text(self) }
}

extension [UInt8]: SQLBindable {
    package var sqlValue: SQLValue { .blob(self) }
}

extension Timestamp: SQLBindable {
    /// Microseconds since 1970, UTC.
    package var sqlValue: SQLValue { .integer(microseconds) }
}

extension ID: SQLBindable {
    /// The lowercase UUID text.
    package var sqlValue: SQLValue { .text(description) }
}

extension Optional: SQLBindable where Wrapped: SQLBindable {
    /// `NULL` for nil.
    package var sqlValue: SQLValue { self?.sqlValue ?? .null }
}
