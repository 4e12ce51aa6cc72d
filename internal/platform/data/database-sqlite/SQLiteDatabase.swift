package import SoukDatabase

/// A database in one file: a writer lent to one transaction at a time, and some readers that never wait for it.
///
/// The file is in WAL mode; a commit is on the disk before it returns (`SQLiteOptions.synchronous`), together with those
/// that came meanwhile (``CommitGroup``). Each connection has its own thread. A handle dropped without ``close()`` lets go of the file once nobody uses it.
package final class SQLiteDatabase: Database {
    /// The file.
    package let path: String
    private let writers: LeasePool<SQLiteConnection>
    private let readers: LeasePool<SQLiteConnection>
    private let commitWindow: Duration

    package var dialect: Dialect { .sqlite }

    /// How many wait for the writer just now.
    var writersWaiting: Int { writers.waiting }

    private init(
        path: String, writer: SQLiteConnection, readers: [SQLiteConnection], _ options: SQLiteOptions
    ) {
        self.path = path
        commitWindow = options.commitWindow
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
        do {
            return try await write(on: connection) { try await $0.execute(sql) }
        } catch let error as DatabaseError {
            throw error
        } catch {
            throw DatabaseError(.cancelled, detail: "the task was cancelled")
        }
    }

    @discardableResult
    package func transaction<T: Sendable>(
        isolation: Isolation, _ body: @Sendable (any Transaction) async throws -> T
    ) async throws -> T {
        try DatabaseUse.check(self)
        let connection = try await borrow(from: writers)
        return try await write(on: connection) { transaction in
            try await DatabaseUse.within(self) { try await body(transaction) }
        }
    }

    /// Runs the body in a transaction on the writer, which is given back or on to the next.
    private func write<T: Sendable>(
        on connection: SQLiteConnection, _ body: @Sendable (SessionTransaction) async throws -> T
    ) async throws -> T {
        let (result, transaction, group) = await withTaskExecutorPreference(connection) {
            let session = SQLiteSession(connection)
            let transaction = SessionTransaction(session)
            let result: Result<T, any Error>
            do {
                try await session.begin(.writing)
                let value = try await body(transaction)
                try Task.checkCancellation()
                try await session.finish()
                result = .success(value)
            } catch {
                await session.rollback()
                result = .failure(error)
            }
            return (result, transaction, await endTurn(connection))
        }
        switch result {
        case .success(let value):
            try await group?.outcome()
            transaction.runActions()
            return value
        case .failure(let error):
            // It may be due to what others of the group did.
            try? await group?.outcome()
            throw error
        }
    }

    /// Gives the writer on to the next who waits, who joins the group; where that is nobody, or there was enough of it, the
    /// group is committed.
    private func endTurn(_ connection: SQLiteConnection) async -> CommitGroup? {
        let group = connection.group
        if let group {
            if group.takesMore(within: commitWindow), writers.handOver(connection) { return group }
            await connection.commitGroup()
        }
        writers.release(connection)
        return group
    }

    package func snapshot<T: Sendable>(
        _ body: @Sendable (any SQLExecutor) async throws -> T
    ) async throws -> T {
        try DatabaseUse.check(self)
        let connection = try await borrow(from: readers)
        defer { readers.release(connection) }
        return try await withTaskExecutorPreference(connection) {
            let session = SQLiteSession(connection)
            try await session.begin(.reading)
            do {
                let value = try await DatabaseUse.within(self) { try await body(session) }
                await session.rollback()
                return value
            } catch {
                await session.rollback()
                throw error
            }
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

    /// - Throws: `CancellationError` where the task is cancelled meanwhile.
    private func borrow(from pool: LeasePool<SQLiteConnection>) async throws -> SQLiteConnection {
        do {
            return try await pool.acquire()
        } catch let error where error.reason == .cancelled {
            throw CancellationError()
        }
    }
}
