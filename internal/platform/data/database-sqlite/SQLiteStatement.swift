import CSQLite
import SoukDatabase

/// A prepared statement: owns the `sqlite3_stmt`. Used on its connection's thread only.
final class SQLiteStatement {
    let pointer: OpaquePointer
    /// Whether running it leaves the database as it is (`sqlite3_stmt_readonly`).
    let isReadOnly: Bool
    private var columns: RowColumns?
    private var preparations: Int32 = -1

    /// Takes ownership of the statement.
    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
        isReadOnly = sqlite3_stmt_readonly(pointer) != 0
    }

    deinit {
        sqlite3_finalize(pointer)
    }

    /// Makes it ready for the next use and forgets what was bound.
    func reset() {
        // The code repeats the error of the last step, which was dealt with there.
        sqlite3_reset(pointer)
        sqlite3_clear_bindings(pointer)
    }

    /// - Returns: A result code; the place of the failing value is in the statement.
    func bind(_ value: SQLValue, at index: Int32) -> Int32 {
        switch value {
        case .null:
            return sqlite3_bind_null(pointer, index)
        case .integer(let value):
            return sqlite3_bind_int64(pointer, index, value)
        case .real(let value):
            // SQLite would store NULL.
            return value.isNaN ? SQLITE_MISMATCH : sqlite3_bind_double(pointer, index, value)
        case .text(var text):
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { characters in
                    // An empty buffer may have no address, which SQLite would take for NULL.
                    guard let base = characters.baseAddress else {
                        return souk_sqlite3_bind_text(pointer, index, "", 0)
                    }
                    return souk_sqlite3_bind_text(pointer, index, base, sqlite3_uint64(characters.count))
                }
            }
        case .blob(let bytes):
            return bytes.withUnsafeBytes { bytes in
                guard let base = bytes.baseAddress, bytes.count > 0 else {
                    return sqlite3_bind_zeroblob(pointer, index, 0)
                }
                return souk_sqlite3_bind_blob(pointer, index, base, sqlite3_uint64(bytes.count))
            }
        }
    }

    /// The row the statement stands on.
    func row() -> Row {
        let columns = currentColumns()
        return Row(columns: columns, values: (0..<Int32(columns.names.count)).map(value(at:)))
    }

    /// Column names, read anew after SQLite prepared the statement again because the schema changed.
    private func currentColumns() -> RowColumns {
        let repreparations = sqlite3_stmt_status(pointer, SQLITE_STMTSTATUS_REPREPARE, 0)
        if let columns, repreparations == preparations { return columns }
        let names = (0..<sqlite3_column_count(pointer)).map { index in
            sqlite3_column_name(pointer, index).map { String(cString: $0) } ?? ""
        }
        let columns = RowColumns(names)
        self.columns = columns
        preparations = repreparations
        return columns
    }

    private func value(at index: Int32) -> SQLValue {
        switch sqlite3_column_type(pointer, index) {
        case SQLITE_INTEGER:
            return .integer(sqlite3_column_int64(pointer, index))
        case SQLITE_FLOAT:
            return .real(sqlite3_column_double(pointer, index))
        case SQLITE_TEXT:
            // The address before the length, as SQLite asks for.
            let base = sqlite3_column_text(pointer, index)
            let count = Int(sqlite3_column_bytes(pointer, index))
            return .text(String(decoding: UnsafeBufferPointer(start: base, count: count), as: UTF8.self))
        case SQLITE_BLOB:
            let base = sqlite3_column_blob(pointer, index)
            let count = Int(sqlite3_column_bytes(pointer, index))
            return .blob(Array(UnsafeRawBufferPointer(start: base, count: count)))
        default:
            return .null
        }
    }
}
