import CSQLite
import SoukDatabase

/// Owns one `sqlite3` connection and its prepared statements; every call blocks. Used on one thread only.
final class SQLiteHandle {
    private let database: OpaquePointer
    private var cache: StatementCache<SQLiteStatement>
    /// Refuses statements that write.
    private let isReader: Bool
    /// Ends the running statement with `.cancelled` once requested.
    var cancellation: SQLiteCancellation?

    private init(owning database: OpaquePointer, cacheSize: Int, isReader: Bool) {
        self.database = database
        self.isReader = isReader
        cache = StatementCache(capacity: cacheSize)
        // Some microseconds' worth of virtual machine instructions. The handle outlives its connection.
        sqlite3_progress_handler(
            database, 2_000,
            { context in
                guard let context else { return 0 }
                let handle = Unmanaged<SQLiteHandle>.fromOpaque(context).takeUnretainedValue()
                return handle.cancellation?.isRequested == true ? 1 : 0
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        // Statements first: a connection with open statements cannot close.
        cache.removeAll()
        sqlite3_close_v2(database)
    }

    /// Opens the file, for the writer creating it where there is none.
    ///
    /// - Throws: `.connection` where the file cannot be opened, or by the result code; details name the path.
    static func open(path: String, cacheSize: Int, isReader: Bool) throws(DatabaseError) -> SQLiteHandle {
        // Each connection stays on one thread, so SQLite need not lock it.
        let mode = isReader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        var pointer: OpaquePointer?
        let code = sqlite3_open_v2(
            path, &pointer, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE, nil
        )
        guard let pointer else {
            throw DatabaseError(.other, detail: "\(path): no memory for a connection")
        }
        let handle = SQLiteHandle(owning: pointer, cacheSize: cacheSize, isReader: isReader)
        guard code == SQLITE_OK else { throw handle.error(code, while: "opening \(path)") }
        return handle
    }

    /// Whether no transaction is open: an error may have ended one (disk full, I/O error, interrupt).
    var isAutocommit: Bool { sqlite3_get_autocommit(database) != 0 }

    /// Whether a deferred foreign key points nowhere as yet, with which the transaction can't be committed.
    var hasDeferredViolations: Bool {
        var (current, highest) = (Int32(0), Int32(0))
        sqlite3_db_status(database, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0)
        return current != 0
    }

    /// Whether the operating system lets the file only be read.
    var isFileReadOnly: Bool { sqlite3_db_readonly(database, "main") == 1 }

    /// Switches an option of `sqlite3_db_config`.
    func configure(_ option: Int32, _ value: Bool) throws(DatabaseError) {
        let code = souk_sqlite3_db_config(database, option, value ? 1 : 0)
        guard code == SQLITE_OK else { throw error(code, while: "sqlite3_db_config \(option)") }
    }

    func setBusyTimeout(milliseconds: Int32) {
        sqlite3_busy_timeout(database, milliseconds)
    }

    /// Runs one statement and returns all its rows.
    func query(_ sql: SQL) throws(DatabaseError) -> [Row] {
        try run(sql) { (statement, text) throws(DatabaseError) in
            var rows: [Row] = []
            while try step(statement, text) { rows.append(statement.row()) }
            return rows
        }
    }

    /// Runs one statement, its rows ignored, and returns how many rows it changed.
    func execute(_ sql: SQL) throws(DatabaseError) -> Int {
        try run(sql) { (statement, text) throws(DatabaseError) in
            let before = sqlite3_total_changes64(database)
            while try step(statement, text) {}
            // sqlite3_changes keeps the number of an earlier statement when this one was not a change of rows.
            return sqlite3_total_changes64(database) == before ? 0 : Int(sqlite3_changes64(database))
        }
    }

    private func run<T>(
        _ sql: SQL, _ body: (SQLiteStatement, String) throws(DatabaseError) -> T
    ) throws(DatabaseError) -> T {
        let text = sql.text
        let statement = try prepared(text)
        defer { statement.reset() }
        try bind(sql.bindings, to: statement, text)
        return try body(statement, text)
    }

    private func prepared(_ text: String) throws(DatabaseError) -> SQLiteStatement {
        if let statement = cache.statement(for: text) { return statement }
        var pointer: OpaquePointer?
        var code = SQLITE_OK
        var hasMore = false
        var copy = text
        copy.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                var tail: UnsafePointer<CChar>?
                code = sqlite3_prepare_v3(
                    database, characters.baseAddress, Int32(clamping: characters.count),
                    UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, &tail)
                if let tail, let base = characters.baseAddress {
                    hasMore = characters[(tail - base)...].contains { !Self.mayFollow.contains($0) }
                }
            }
        }
        guard code == SQLITE_OK else { throw error(code, while: text, preparing: true) }
        guard let pointer else { throw DatabaseError(.syntax, detail: "an empty statement") }
        let statement = SQLiteStatement(owning: pointer)
        if hasMore { throw DatabaseError(.syntax, detail: "more than one statement: \(text)") }
        if isReader, !statement.isReadOnly {
            throw DatabaseError(
                .readOnly, detail: "a statement that writes needs execute or a transaction: \(text)")
        }
        cache.insert(statement, for: text)
        return statement
    }

    /// What may stand after the one statement: white space and semicolons.
    private static let mayFollow: Set<CChar> = [9, 10, 13, 32, 59]

    private func bind(
        _ values: [SQLValue], to statement: SQLiteStatement, _ text: String
    ) throws(DatabaseError) {
        let places = Int(sqlite3_bind_parameter_count(statement.pointer))
        guard places == values.count else {
            throw DatabaseError(.syntax, detail: "\(places) placeholders for \(values.count) values: \(text)")
        }
        for (index, value) in values.enumerated() {
            let code = statement.bind(value, at: Int32(index + 1))
            guard code == SQLITE_OK else {
                let words = String(cString: sqlite3_errstr(code))
                throw DatabaseError(
                    .other, detail: "value \(index + 1) cannot be bound: \(words), in: \(text)")
            }
        }
    }

    /// - Returns: Whether the statement stands on a row.
    private func step(_ statement: SQLiteStatement, _ text: String) throws(DatabaseError) -> Bool {
        switch sqlite3_step(statement.pointer) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw error(code, while: text)
        }
    }

    private func error(_ code: Int32, while action: String, preparing: Bool = false) -> DatabaseError {
        DatabaseError(
            sqlite: code, message: String(cString: sqlite3_errmsg(database)),
            systemError: sqlite3_system_errno(database), preparing: preparing, while: action)
    }
}
