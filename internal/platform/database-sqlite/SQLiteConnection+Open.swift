import CSQLite
import Foundation
import SoukDatabase

extension SQLiteConnection {
    /// Opens the one connection that writes, creating the file where there is none.
    ///
    /// - Throws: `.corrupt`, `.readOnly`, `.connection`; details name the path.
    static func writer(path: String, _ options: SQLiteOptions) async throws(DatabaseError) -> SQLiteConnection
    {
        try await open { () throws(DatabaseError) in
            try checkHeader(path)
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

    /// Refuses a file that is not a database before SQLite touches it.
    private static func checkHeader(_ path: String) throws(DatabaseError) {
        // A missing or unreadable file is SQLite's to create or to complain about.
        guard let file = FileHandle(forReadingAtPath: path) else { return }
        defer { try? file.close() }
        let header = (try? file.read(upToCount: 100)).flatMap { $0 } ?? Data()
        guard header.isEmpty || header.count == 100 && header.starts(with: Array("SQLite format 3\0".utf8))
        else {
            throw DatabaseError(.corrupt, detail: "\(path): the file is not a SQLite database")
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
