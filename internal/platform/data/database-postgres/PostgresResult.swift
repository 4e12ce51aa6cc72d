import CPQ
import SoukDatabase
import SoukText

/// Owns one `PGresult`: the rows of a statement, or why it failed.
final class PostgresResult {
    private let pointer: OpaquePointer

    /// Takes ownership of the result.
    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        PQclear(pointer)
    }

    var status: ExecStatusType { PQresultStatus(pointer) }

    /// What the server says about the failure.
    var failure: PostgresFailure {
        PostgresFailure(
            sqlState: field("C"), message: field("M").isEmpty ? words : field("M"), table: field("t"),
            column: field("c"), constraint: field("n"), function: field("R"))
    }

    /// A field by its letter in the protocol, which `PG_DIAG_…` are.
    private func field(_ letter: Unicode.Scalar) -> String {
        PQresultErrorField(pointer, Int32(letter.value)).map { String(cString: $0) } ?? ""
    }

    /// libpq's own words, where the server had none.
    private var words: String {
        let words = PQresultErrorMessage(pointer).map { String(cString: $0) } ?? ""
        return String(words.prefix(beforeByte: "\n"))
    }

    /// What was done, such as `UPDATE 3` or `COMMIT`.
    var tag: String { PQcmdStatus(pointer).map { String(cString: $0) } ?? "" }

    /// How many rows were inserted, updated or deleted; 0 for statements of other kinds, which count too.
    var changes: Int {
        let tag = tag
        guard ["INSERT ", "UPDATE ", "DELETE ", "MERGE "].contains(where: { tag.hasPrefix(bytes: $0) }) else {
            return 0
        }
        return tag.split(byte: " ").last.flatMap { Int($0) } ?? 0
    }

    /// The types of a described statement's parameters.
    var parameterTypes: [UInt32] { (0..<PQnparams(pointer)).map { PQparamtype(pointer, $0) } }

    var columnNames: [String] {
        (0..<PQnfields(pointer)).map { PQfname(pointer, $0).map { String(cString: $0) } ?? "" }
    }

    /// - Parameter columns: The result's own.
    /// - Throws: `.decoding`, naming the column.
    func rows(_ columns: RowColumns) throws(DatabaseError) -> [Row] {
        let types = columns.names.indices.map { PQftype(pointer, Int32($0)) }
        let count = PQntuples(pointer)
        var rows: [Row] = []
        rows.reserveCapacity(Int(count))
        for row in 0..<count {
            var values: [SQLValue] = []
            values.reserveCapacity(types.count)
            for (column, type) in types.enumerated() {
                do {
                    values.append(try value(row: row, column: Int32(column), type: type))
                } catch {
                    let name = columns.names[column]
                    throw DatabaseError(.decoding, detail: "column \(name): \(error.detail ?? "unreadable")")
                }
            }
            rows.append(Row(columns: columns, values: values))
        }
        return rows
    }

    private func value(row: Int32, column: Int32, type: UInt32) throws(DatabaseError) -> SQLValue {
        guard PQgetisnull(pointer, row, column) == 0 else { return .null }
        let bytes = UnsafeRawBufferPointer(
            start: PQgetvalue(pointer, row, column), count: Int(PQgetlength(pointer, row, column)))
        return try SQLValue(postgres: bytes, type: type)
    }
}
