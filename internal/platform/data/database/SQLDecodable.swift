package import SoukIDs
package import SoukTime

/// A value that can be read from a column. Conversions are exact: a stored text never becomes a number.
package protocol SQLDecodable {
    /// - Throws: `DatabaseError` with reason `.decoding` where the stored value is of another kind.
    init(sqlValue: SQLValue) throws(DatabaseError)
}

extension SQLValue: SQLDecodable {
    package init(sqlValue: SQLValue) { self = sqlValue }
}

extension Int64: SQLDecodable {
    package init(sqlValue: SQLValue) throws(DatabaseError) {
        guard case .integer(let value) = sqlValue else { throw .mismatch("an integer", sqlValue) }
        self = value
    }
}

extension Int: SQLDecodable {
    package init(sqlValue: SQLValue) throws(DatabaseError) {
        self = Int(try Int64(sqlValue: sqlValue))
    }
}

extension Bool: SQLDecodable {
    package init(sqlValue: SQLValue) throws(DatabaseError) {
        switch sqlValue {
        case .integer(0): self = false
        case .integer(1): self = true
        default: throw .mismatch("0 or 1", sqlValue)
        }
    }
}

extension Double: SQLDecodable {
    /// Accepts integers too: databases hand out a whole sum or average as one.
    package init(sqlValue: SQLValue) throws(DatabaseError) {
        switch sqlValue {
        case .real(let value): self = value
        case .integer(let value): self = Double(value)
        default: throw .mismatch("a real number", sqlValue)
        }
    }
}

extension String: SQLDecodable {
    package init(sqlValue: SQLValue) throws(DatabaseError) {
        guard case .text(let value) = sqlValue else { throw .mismatch("text", sqlValue) }
        self = value
    }
}

extension [UInt8]: SQLDecodable {
    package init(sqlValue: SQLValue) throws(DatabaseError) {
        guard case .blob(let value) = sqlValue else { throw .mismatch("a blob", sqlValue) }
        self = value
    }
}

extension Timestamp: SQLDecodable {
    package init(sqlValue: SQLValue) throws(DatabaseError) {
        self.init(microseconds: try Int64(sqlValue: sqlValue))
    }
}

extension ID: SQLDecodable {
    package init(sqlValue: SQLValue) throws(DatabaseError) {
        guard case .text(let text) = sqlValue, let id = Self(text) else {
            throw .mismatch("a UUID", sqlValue)
        }
        self = id
    }
}

extension Optional: SQLDecodable where Wrapped: SQLDecodable {
    /// Nil for `NULL`.
    package init(sqlValue: SQLValue) throws(DatabaseError) {
        self = sqlValue.isNull ? nil : try Wrapped(sqlValue: sqlValue)
    }
}

extension DatabaseError {
    fileprivate static func mismatch(_ expected: String, _ found: SQLValue) -> DatabaseError {
        DatabaseError(.decoding, detail: "expected \(expected), found \(found.storageClass)")
    }
}
