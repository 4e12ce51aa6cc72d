package import SoukErrors

/// What went wrong in a database, in terms that do not depend on the driver.
///
/// `message` is safe for the public; `detail` carries the database's own words and the statement's text, never
/// its bound values.
package struct DatabaseError: SoukError, CustomStringConvertible {
    package enum Reason: Sendable, Hashable {
        /// A row with this key exists. SQLite names the columns (`products.sku` or `lines.order_id, lines.sku`) or
        /// an expression's index; PostgreSQL names the constraint.
        case uniqueViolation(constraint: String)
        /// A `CHECK` failed; its name, or its expression where it has none.
        case checkViolation(String)
        case foreignKeyViolation
        /// `NULL` in a column that refuses it; the column as `table.column`.
        case notNullViolation(String)
        /// A trigger refused the change with this text.
        case raised(String)
        /// The database, or the queue before it, is taken; worth another try.
        case busy
        /// The disk or the file's size limit is used up.
        case full
        /// The file is damaged or not a database.
        case corrupt
        case readOnly
        /// The database cannot be reached or read.
        case connection
        /// The statement is not valid.
        case syntax
        /// A stored value is not of the kind asked for.
        case decoding
        /// The database, or the transaction, was closed before the call.
        case closed
        /// The task was cancelled; the statement had no effect.
        case cancelled
        /// A database was used through its own handle inside a transaction or snapshot of that same database.
        case nested
        case other
    }

    package let reason: Reason
    package let detail: String?

    package init(_ reason: Reason, detail: String? = nil) {
        self.reason = reason
        self.detail = detail
    }

    package var kind: ErrorKind {
        switch reason {
        case .uniqueViolation, .checkViolation, .foreignKeyViolation, .raised: .conflict
        case .busy, .full, .readOnly, .connection, .closed, .cancelled: .unavailable
        case .notNullViolation, .corrupt, .syntax, .decoding, .nested, .other: .internalError
        }
    }

    package var code: String {
        switch reason {
        case .uniqueViolation: "database.unique_violation"
        case .checkViolation: "database.check_violation"
        case .foreignKeyViolation: "database.foreign_key_violation"
        case .notNullViolation: "database.not_null_violation"
        case .raised: "database.refused"
        case .busy: "database.busy"
        case .full: "database.full"
        case .corrupt: "database.corrupt"
        case .readOnly: "database.read_only"
        case .connection: "database.connection"
        case .syntax: "database.syntax"
        case .decoding: "database.decoding"
        case .closed: "database.closed"
        case .cancelled: "database.cancelled"
        case .nested: "database.nested"
        case .other: "database.error"
        }
    }

    package var message: String {
        switch kind {
        case .conflict: "The change conflicts with stored data."
        case .unavailable: "The service cannot reach its data right now; try again shortly."
        default: "The service could not process its data."
        }
    }

    package var description: String {
        detail.map { "\(code): \($0)" } ?? code
    }
}
