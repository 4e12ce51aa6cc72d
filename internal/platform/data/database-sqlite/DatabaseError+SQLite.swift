import CSQLite
import Foundation
import SoukDatabase
import SoukText

extension DatabaseError {
    /// The error of an extended result code (https://www.sqlite.org/rescode.html).
    ///
    /// - Parameters:
    ///   - message: SQLite's own words; constraint names are read from them.
    ///   - systemError: The `errno` behind an I/O error.
    ///   - preparing: Whether the statement was being compiled.
    ///   - action: The statement or step, for the log.
    init(sqlite code: Int32, message: String, systemError: Int32, preparing: Bool, while action: String) {
        self.init(
            Self.reason(code, message: message, systemError: systemError, preparing: preparing),
            detail: "\(message) (\(code)), in: \(action)")
    }

    private static func reason(
        _ code: Int32, message: String, systemError: Int32, preparing: Bool
    ) -> Reason {
        switch code & 0xff {
        case SQLITE_CONSTRAINT: constraint(code, message)
        case SQLITE_BUSY, SQLITE_LOCKED: .busy
        case SQLITE_FULL: .full
        case SQLITE_IOERR where systemError == ENOSPC || systemError == EDQUOT: .full
        case SQLITE_IOERR where code >> 8 == 33: .corrupt  // SQLITE_IOERR_CORRUPTFS
        case SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH, SQLITE_PROTOCOL: .connection
        case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
        case SQLITE_READONLY: .readOnly
        case SQLITE_INTERRUPT: .cancelled
        case SQLITE_ERROR where preparing: .syntax
        default: .other
        }
    }

    /// The kinds of constraint are the second byte of the code; the macros that compute them are not imported.
    private static func constraint(_ code: Int32, _ message: String) -> Reason {
        // "UNIQUE constraint failed: products.store_id, products.sku", "CHECK constraint failed: stock_not_negative"
        let subject =
            message.range(ofBytes: "constraint failed: ").map { String(message[$0.upperBound...]) } ?? message
        return switch code >> 8 {
        case 1: .checkViolation(subject)  // SQLITE_CONSTRAINT_CHECK
        case 3: .foreignKeyViolation  // SQLITE_CONSTRAINT_FOREIGNKEY
        case 5: .notNullViolation(subject)  // SQLITE_CONSTRAINT_NOTNULL
        case 6, 8, 10: .uniqueViolation(constraint: indexName(subject))  // _PRIMARYKEY, _UNIQUE, _ROWID
        case 7: .raised(message)  // SQLITE_CONSTRAINT_TRIGGER
        default: .other
        }
    }

    /// SQLite names an index on expressions as `index 'name'`.
    private static func indexName(_ subject: String) -> String {
        guard subject.hasPrefix(bytes: "index '"), subject.hasSuffix(bytes: "'") else { return subject }
        return String(decoding: subject.utf8.dropFirst("index '".utf8.count).dropLast(), as: UTF8.self)
    }
}
