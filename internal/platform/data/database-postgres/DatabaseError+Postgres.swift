import SoukDatabase
import SoukText

/// What the server says about a statement that failed (`PQresultErrorField`).
struct PostgresFailure: Sendable {
    /// Five characters (https://www.postgresql.org/docs/15/errcodes-appendix.html); empty where the connection broke.
    var sqlState = ""
    /// The server's words. Its DETAIL is left out: it quotes stored and bound values.
    var message = ""
    var table = ""
    var column = ""
    var constraint = ""
    /// The function of the server that found the fault.
    var function = ""

    /// A prepared statement that the server no longer runs: the tables it reads have changed, or it was deallocated.
    var isStaleStatement: Bool {
        isUnknownStatement || sqlState == "0A000" && function == "RevalidateCachedQuery"
    }

    /// A prepared statement that the server does not know (any more).
    var isUnknownStatement: Bool { sqlState == "26000" }

    /// Nothing was changed, and the same transaction run anew may well succeed: it got in another's way, or one of
    /// its prepared statements is stale.
    var isRepeatable: Bool { sqlState == "40001" || sqlState == "40P01" || isStaleStatement }
}

/// Why a statement failed, and whether its transaction is worth another run.
struct PostgresError: Error {
    var error: DatabaseError
    var isRepeatable = false

    init(_ error: DatabaseError) {
        self.error = error
    }

    /// - Parameters:
    ///   - statement: Its text, for the log.
    ///   - isCancelled: Whether the task was cancelled while it ran.
    init(_ failure: PostgresFailure, statement: String, isCancelled: Bool) {
        error = DatabaseError(
            Self.reason(failure, isCancelled: isCancelled),
            detail: "\(Self.words(failure)) (\(failure.sqlState)), in: \(statement)")
        isRepeatable = failure.isRepeatable
    }

    private static func reason(_ failure: PostgresFailure, isCancelled: Bool) -> DatabaseError.Reason {
        switch failure.sqlState {
        case "23505": .uniqueViolation(constraint: failure.constraint)
        case "23P01": .uniqueViolation(constraint: failure.constraint)  // an exclusion constraint
        case "23514": .checkViolation(failure.constraint)
        case "23503": .foreignKeyViolation
        case "23502": .notNullViolation("\(failure.table).\(failure.column)")
        case "P0001": .raised(failure.message)
        case "57014": isCancelled ? .cancelled : .busy
        case "40001", "40P01", "55P03", "53300": .busy
        case "53100": .full
        case "25006": .readOnly
        case "XX001", "XX002": .corrupt
        case "57P01", "57P02", "57P03", "57P05", "25P03", "": .connection
        // The role may not: the statement is right.
        case "42501": .other
        default:
            switch failure.sqlState.prefix(2) {
            case "08", "28": .connection
            case "42": .syntax
            case "53": .busy
            default: .other
            }
        }
    }

    /// Data exceptions quote the value in question; the log shows no bound values.
    private static func words(_ failure: PostgresFailure) -> String {
        guard failure.sqlState.hasPrefix(bytes: "22") else { return failure.message }
        var isQuoted = false
        let bytes = failure.message.utf8.filter { byte in
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            return !isQuoted || byte == UInt8(ascii: "\"")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
