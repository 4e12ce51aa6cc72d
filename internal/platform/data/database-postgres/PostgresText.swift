import SoukDatabase
import SoukText

/// A statement in PostgreSQL's spelling: `$1`, `$2`, … for its values.
struct PostgresText {
    private(set) var text = ""
    private(set) var values: [SQLValue] = []

    init(_ sql: SQL) {
        for fragment in sql.fragments {
            switch fragment {
            case .text(let run): text += run
            case .value(let value):
                values.append(value)
                text += "$\(values.count)"
            case .emptyList: appendEmptyList()
            }
        }
    }

    /// PostgreSQL has no `IN ()`, but arrays may be empty: `= ANY ('{}'` goes on with the statement's own bracket, and
    /// is false for every value; `<> ALL ('{}'` is true.
    private mutating func appendEmptyList() {
        for (list, array) in [("NOT IN (", "<> ALL ('{}'"), ("IN (", "= ANY ('{}'")] {
            let start = text.index(text.endIndex, offsetBy: -list.count, limitedBy: text.startIndex)
            if let start, text[start...].uppercasedASCII() == list {
                text.replaceSubrange(start..., with: array)
                return
            }
        }
        text += "NULL"
    }
}
