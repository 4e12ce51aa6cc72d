import CSQLite
import SoukDatabase

extension SQLiteConnection {
    /// Opens the one connection that writes, creating the file where there is none.
    ///
    /// - Throws: `.corrupt`, `.readOnly`, `.connection`; details name the path.
    static func writer(path: String, _ options: SQLiteOptions) async throws(DatabaseError) -> SQLiteConnection
    {
        try await open { () throws(DatabaseError) in
            let handle = try SQLiteHandle.open(
                path: path, cacheSize: options.statementCacheSize, isReader: false)
            try naming(path) { () throws(DatabaseError) in
                try handle.prepare(options, cacheKibibytes: options.writerCacheKibibytes)
                guard !handle.isFileReadOnly else {
                    throw DatabaseError(.readOnly, detail: "the file may not be written")
                }
                let mode = try handle.query("PRAGMA journal_mode = WAL").first?.values.first
                guard mode == .text("wal") else {
                    throw DatabaseError(
                        .connection, detail: "the file system does not support write-ahead logs")
                }
                try handle.set("synchronous = \(options.synchronous.rawValue)")
                try handle.set("wal_autocheckpoint = \(options.checkpointPages)")
                try handle.set("journal_size_limit = \(options.journalSizeLimitBytes)")
                if let pages = options.maximumPages { try handle.set("max_page_count = \(pages)") }
            }
            return handle
        }
    }

    /// Opens a connection that reads, after the writer made the file.
    static func reader(path: String, _ options: SQLiteOptions) async throws(DatabaseError) -> SQLiteConnection
    {
        try await open { () throws(DatabaseError) in
            let handle = try SQLiteHandle.open(
                path: path, cacheSize: options.statementCacheSize, isReader: true)
            try naming(path) { () throws(DatabaseError) in
                try handle.prepare(options, cacheKibibytes: options.readerCacheKibibytes)
            }
            return handle
        }
    }

    private static func naming(
        _ path: String, _ body: () throws(DatabaseError) -> Void
    ) throws(DatabaseError) {
        do {
            try body()
        } catch {
            throw DatabaseError(error.reason, detail: "\(path): \(error.detail ?? error.code)")
        }
    }
}

extension SQLiteHandle {
    /// Settings of every connection, and a first read that finds a damaged file.
    fileprivate func prepare(_ options: SQLiteOptions, cacheKibibytes: Int) throws(DatabaseError) {
        setBusyTimeout(milliseconds: Int32(min(options.busyTimeout, .seconds(3_600)) / .milliseconds(1)))
        try configure(SQLITE_DBCONFIG_DEFENSIVE, true)
        try configure(SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)
        // A misspelt name in double quotes is an error, not a text.
        try configure(SQLITE_DBCONFIG_DQS_DML, false)
        try configure(SQLITE_DBCONFIG_DQS_DDL, false)
        try set("foreign_keys = ON")
        try set("cache_size = -\(cacheKibibytes)")
        _ = try query("PRAGMA schema_version")
        _ = try query("SELECT count(*) FROM sqlite_schema")
    }

    /// Sets a pragma; the text is the program's own.
    fileprivate func set(_ pragma: String) throws(DatabaseError) {
        _ = try query(SQL(raw: "PRAGMA " + pragma))
    }
}
