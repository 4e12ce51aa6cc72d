package import SoukDatabase

/// A database in one file: a writer lent to one transaction at a time, and some readers that never wait for it.
///
/// The file is in WAL mode; a commit is on the disk before it returns (`SQLiteOptions.synchronous`). Each connection
/// has its own thread. A handle dropped without ``close()`` lets go of the file once nobody uses it.
package final class SQLiteDatabase: Database {
    /// The file.
    package let path: String
    private let writers: LeasePool<SQLiteConnection>
    private let readers: LeasePool<SQLiteConnection>

    package var dialect: Dialect { .sqlite }

    private init(
        path: String, writer: SQLiteConnection, readers: [SQLiteConnection], _ options: SQLiteOptions
    ) {
        self.path = path
        writers = LeasePool("writer", [writer], waiterLimit: options.waiterLimit)
        self.readers = LeasePool("readers", readers, waiterLimit: options.waiterLimit)
    }

    /// Opens the file, creating it where there is none; its folder must exist.
    ///
    /// - Throws: `.corrupt` for a file that is damaged or no database, `.readOnly`, `.connection` where the path
    ///   cannot be opened, `.busy` where another process keeps it locked; details name the path.
    package static func open(
        path: String, options: SQLiteOptions = .init()
    ) async throws(DatabaseError) -> SQLiteDatabase {
        let writer = try await SQLiteConnection.writer(path: path, options)
        var readers: [SQLiteConnection] = []
        do {
            for _ in 0..<options.readers {
                readers.append(try await SQLiteConnection.reader(path: path, options))
            }
        } catch {
            for connection in readers + [writer] { await connection.close() }
            throw error
        }
        return SQLiteDatabase(path: path, writer: writer, readers: readers, options)
    }

    package func query(_ sql: SQL) async throws(DatabaseError) -> [Row] {
        try await reading { handle throws(DatabaseError) in try handle.query(sql) }
    }

    @discardableResult
    package func execute(_ sql: SQL) async throws(DatabaseError) -> Int {
        try DatabaseUse.check(self)
        let connection = try await writers.acquire()
        defer { writers.release(connection) }
        return try await connection.run { handle throws(DatabaseError) in
            try handle.endStrayTransaction()
            return try handle.execute(sql)
        }
    }

    @discardableResult
    package func transaction<T: Sendable>(
        isolation: Isolation, _ body: @Sendable (any Transaction) async throws -> T
    ) async throws -> T {
        try DatabaseUse.check(self)
        let (connection, session) = try await borrow(from: writers, .writing)
        let transaction = SessionTransaction(session)
        let value: T
        do {
            // Before the actions, which may well wake somebody who writes.
            defer { writers.release(connection) }
            do {
                value = try await DatabaseUse.within(self) { try await body(transaction) }
                try Task.checkCancellation()
            } catch {
                await session.rollback()
                throw error
            }
            try await session.commit()
        }
        transaction.runActions()
        return value
    }

    package func snapshot<T: Sendable>(
        _ body: @Sendable (any SQLExecutor) async throws -> T
    ) async throws -> T {
        try DatabaseUse.check(self)
        let (connection, session) = try await borrow(from: readers, .reading)
        defer { readers.release(connection) }
        do {
            let value = try await DatabaseUse.within(self) { try await body(session) }
            await session.rollback()
            return value
        } catch {
            await session.rollback()
            throw error
        }
    }

    package func signals(on channel: String) -> AsyncStream<Void> {
        AsyncStream { $0.finish() }
    }

    package func ping() async throws(DatabaseError) {
        _ = try await query("SELECT count(*) FROM sqlite_schema")
    }

    /// As `Database` says; the log is copied into the file and removed. Not to be called from inside a transaction
    /// or snapshot of this database, which it would wait for.
    package func close() async {
        async let writersBack: Void = writers.close()
        await readers.close()
        await writersBack
        // The writer last: a connection that only reads cannot remove the log.
        for connection in readers.takeAll() + writers.takeAll() { await connection.close() }
    }

    /// Checks every page, index and foreign key of the file; takes as long as reading all of it.
    ///
    /// - Throws: `.corrupt`, its detail naming the first findings.
    package func integrityCheck() async throws(DatabaseError) {
        let path = path
        try await reading { handle throws(DatabaseError) in
            let findings = try handle.query("PRAGMA integrity_check(10)").compactMap { row -> String? in
                guard case .text(let finding) = row.values.first, finding != "ok" else { return nil }
                return finding
            }
            guard findings.isEmpty else {
                throw DatabaseError(.corrupt, detail: "\(path): \(findings.joined(separator: "; "))")
            }
            guard try handle.query("PRAGMA foreign_key_check").isEmpty else {
                throw DatabaseError(.corrupt, detail: "\(path): a foreign key points nowhere")
            }
        }
    }

    private func reading<T: Sendable>(
        _ body: @escaping @Sendable (SQLiteHandle) throws(DatabaseError) -> T
    ) async throws(DatabaseError) -> T {
        try DatabaseUse.check(self)
        let connection = try await readers.acquire()
        defer { readers.release(connection) }
        return try await connection.run { handle throws(DatabaseError) in
            try handle.endStrayTransaction()
            return try body(handle)
        }
    }

    /// Borrows a connection and begins on it.
    ///
    /// - Throws: `CancellationError` where the task is cancelled meanwhile; the connection is back then.
    private func borrow(
        from pool: LeasePool<SQLiteConnection>, _ mode: SQLiteSession.Mode
    ) async throws -> (SQLiteConnection, SQLiteSession) {
        do {
            let connection = try await pool.acquire()
            let session = SQLiteSession(connection)
            do {
                try await session.begin(mode)
            } catch {
                pool.release(connection)
                throw error
            }
            return (connection, session)
        } catch let error as DatabaseError where error.reason == .cancelled {
            throw CancellationError()
        }
    }
}
