import Foundation
import SoukDatabase
import SoukDatabaseSQLite
import SoukErrors
import SoukTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct SQLiteDatabaseTests {
    private let folder: TemporaryFolder
    private var path: String { folder.path("souk.sqlite") }

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The error with which opening the file fails.
    private func openingError(_ path: String) async throws -> DatabaseError {
        do {
            let database = try await SQLiteDatabase.open(path: path)
            await database.close()
        } catch {
            return error
        }
        throw DatabaseError(.other, detail: "it opened")
    }

    @Test func setsEveryConnectionUp() async throws {
        let database = try await SQLiteDatabase.open(path: path)
        try #expect(await database.scalar("PRAGMA trusted_schema") == 0)
        try await database.transaction { transaction in
            try #expect(await transaction.scalar("PRAGMA journal_mode") == "wal")
            try #expect(await transaction.scalar("PRAGMA synchronous") == 2)
            try #expect(await transaction.scalar("PRAGMA foreign_keys") == 1)
            try #expect(await transaction.scalar("PRAGMA trusted_schema") == 0)
            try #expect(await transaction.scalar("PRAGMA busy_timeout") == 5_000)
        }
        await #expect(throws: DatabaseError.self) { try await database.query("SELECT \"no such column\"") }
        await database.close()
    }

    @Test func keepsWhatWasCommitted() async throws {
        let first = try await SQLiteDatabase.open(path: path)
        try await first.execute("CREATE TABLE t (n INTEGER) STRICT")
        try await first.execute("INSERT INTO t VALUES (7)")
        await first.close()
        #expect(!FileManager.default.fileExists(atPath: path + "-wal"), "closing leaves no log")
        let second = try await SQLiteDatabase.open(path: path)
        try #expect(await second.scalar("SELECT n FROM t") == 7)
        try await second.integrityCheck()
        await second.close()
    }

    /// What a killed process leaves: a database whose commits are in the log, and an unfinished transaction there.
    @Test func recoversTheLogOfAKilledWriter() async throws {
        let first = try await SQLiteDatabase.open(path: path)
        try await first.execute("CREATE TABLE t (n INTEGER) STRICT")
        for n in 0..<100 { try await first.execute("INSERT INTO t VALUES (\(n))") }
        let copy = folder.path("copy.sqlite")
        try await first.transaction { transaction in
            try await transaction.execute("DELETE FROM t")
            for suffix in ["", "-wal"] {
                try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
            }
        }
        await first.close()
        let size = try FileManager.default.attributesOfItem(atPath: copy + "-wal")[.size] as? Int
        #expect((size ?? 0) > 0, "the commits are in the log")
        let second = try await SQLiteDatabase.open(path: copy)
        try #expect(await second.scalar("SELECT count(*) FROM t") == 100)
        try await second.execute("INSERT INTO t VALUES (100)")
        try await second.integrityCheck()
        await second.close()
    }

    @Test func aFullDiskRollsBackAndSaysSo() async throws {
        let database = try await SQLiteDatabase.open(path: path, options: SQLiteOptions(maximumPages: 50))
        try await database.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB) STRICT")
        try await database.execute("INSERT INTO t VALUES (1, \([UInt8](repeating: 1, count: 50_000)))")
        let error = await #expect(throws: DatabaseError.self) {
            try await database.transaction { transaction in
                try await transaction.execute("DELETE FROM t WHERE n = 1")
                for n in 2...20 {
                    try await transaction.execute(
                        "INSERT INTO t VALUES (\(n), \([UInt8](repeating: 2, count: 50_000)))")
                }
            }
        }
        #expect(error?.reason == .full)
        #expect(error?.kind == .unavailable)
        try #expect(await database.query("SELECT n FROM t").map { try $0.get("n", as: Int.self) } == [1])
        try await database.execute("UPDATE t SET b = \([UInt8](repeating: 3, count: 40_000)) WHERE n = 1")
        try await database.integrityCheck()
        await database.close()
    }

    /// SQLite ends a transaction by itself when, say, an I/O error leaves no choice; RAISE(ROLLBACK) does the same.
    @Test func aTransactionThatSQLiteEndedTakesNoMoreStatements() async throws {
        let database = try await SQLiteDatabase.open(path: path)
        try await database.execute("CREATE TABLE t (n INTEGER) STRICT")
        try await database.execute(
            "CREATE TRIGGER no BEFORE INSERT ON t WHEN new.n < 0 BEGIN SELECT RAISE(ROLLBACK, 'none below 0'); END"
        )
        let error = await #expect(throws: DatabaseError.self) {
            try await database.transaction { transaction in
                try await transaction.execute("INSERT INTO t VALUES (1)")
                _ = try? await transaction.execute("INSERT INTO t VALUES (-1)")
                // Swallowed; without care the next statement would be committed alone.
                _ = try? await transaction.execute("INSERT INTO t VALUES (2)")
            }
        }
        #expect(error?.reason == .raised("none below 0"))
        try #expect(await database.scalar("SELECT count(*) FROM t") == 0)
        await database.close()
    }

    @Test func aCommitThatFailsChangesNothing() async throws {
        let database = try await SQLiteDatabase.open(path: path)
        try await database.execute("CREATE TABLE p (id INTEGER PRIMARY KEY) STRICT")
        try await database.execute(
            "CREATE TABLE c (p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED) STRICT")
        let hasRun = TestSignal()
        let error = await #expect(throws: DatabaseError.self) {
            try await database.transaction { transaction in
                transaction.afterCommit { hasRun.fire() }
                try await transaction.execute("INSERT INTO c VALUES (1)")
            }
        }
        #expect(error?.reason == .foreignKeyViolation)
        #expect(!hasRun.hasFired)
        // The write lock is free at once, not only when this database is used again.
        let other = try await SQLiteDatabase.open(
            path: path, options: SQLiteOptions(busyTimeout: .milliseconds(20)))
        try await other.execute("INSERT INTO p VALUES (2)")
        await other.close()
        try await database.transaction { try await $0.execute("INSERT INTO p VALUES (1)") }
        try #expect(await database.scalar("SELECT count(*) FROM c") == 0)
        await database.close()
    }

    /// Whether cancellation comes before the statement, while it queues, as it starts or while it runs.
    @Test func aStatementEndsWithItsTask() async throws {
        let database = try await SQLiteDatabase.open(path: path)
        for attempt in 0..<40 {
            let isRunning = TestSignal()
            let task = Task {
                isRunning.fire()
                // Ends by itself after some seconds, so that a cancellation that got lost shows.
                return try await database.query(
                    """
                    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000000)
                    SELECT count(*) FROM n
                    """)
            }
            await isRunning.wait()
            for _ in 0..<(attempt % 8) { try await database.transaction { _ in } }
            task.cancel()
            let error = await #expect(throws: DatabaseError.self) { try await task.value }
            guard error?.reason == .cancelled else { break }
        }
        try await database.ping()
        await database.close()
    }

    @Test func refusesWhenTooManyWait() async throws {
        let database = try await SQLiteDatabase.open(path: path, options: SQLiteOptions(waiterLimit: 0))
        try await database.execute("CREATE TABLE t (n INTEGER) STRICT")
        let hasLease = TestSignal()
        let mayEnd = TestSignal()
        async let holder: Void = database.transaction { _ in
            hasLease.fire()
            await mayEnd.wait()
        }
        await hasLease.wait()
        let error = await #expect(throws: DatabaseError.self) { try await database.execute("DELETE FROM t") }
        #expect(error?.reason == .busy)
        mayEnd.fire()
        try await holder
        await database.close()
    }

    @Test func aReaderRefusesToWrite() async throws {
        let database = try await SQLiteDatabase.open(path: path)
        try await database.execute("CREATE TABLE t (n INTEGER) STRICT")
        let error = await #expect(throws: DatabaseError.self) {
            try await database.query("INSERT INTO t VALUES (1) RETURNING n")
        }
        #expect(error?.reason == .readOnly)
        await database.close()
    }

    @Test func valuesThatCannotBeStoredAreRefused() async throws {
        let database = try await SQLiteDatabase.open(path: path)
        try await database.execute("CREATE TABLE t (r REAL) STRICT")
        await #expect(throws: DatabaseError.self) {
            try await database.execute("INSERT INTO t VALUES (\(Double.nan))")
        }
        await #expect(throws: DatabaseError.self) {
            try await database.execute("INSERT INTO t VALUES (\("text"))")
        }
        let error = await #expect(throws: DatabaseError.self) {
            try await database.execute("INSERT INTO t VALUES (?)")
        }
        #expect(error?.reason == .syntax)
        try #expect(await database.scalar("SELECT count(*) FROM t") == 0)
        await database.close()
    }

    /// Schemas are not trusted, so a trigger may not touch a virtual table; the transaction that writes both may.
    @Test func searchIndexesAreWrittenBesideTheirTable() async throws {
        let database = try await SQLiteDatabase.open(path: path)
        try await database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, words TEXT NOT NULL) STRICT")
        try await database.execute("CREATE VIRTUAL TABLE t_words USING fts5(words)")
        try await database.transaction { transaction in
            try await transaction.execute("INSERT INTO t VALUES (7, 'green tea')")
            try await transaction.execute("INSERT INTO t_words (rowid, words) VALUES (7, 'green tea')")
        }
        try #expect(await database.scalar("SELECT rowid FROM t_words WHERE t_words MATCH \("tea")") == 7)
        await database.close()
    }

    @Test(arguments: [
        "this is not a database, whatever its name says", "short", "SQLite format 3\0 but no more",
    ])
    func refusesAFileThatIsNoDatabase(_ content: String) async throws {
        try Data(content.utf8).write(to: URL(fileURLWithPath: path))
        let error = try await openingError(path)
        #expect(error.reason == .corrupt)
        #expect(error.description.contains(path))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(content.utf8), "it is left alone")
    }

    @Test func findsADamagedFile() async throws {
        let database = try await SQLiteDatabase.open(path: path)
        try await database.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB) STRICT")
        for n in 0..<50 {
            try await database.execute("INSERT INTO t VALUES (\(n), \([UInt8](repeating: 7, count: 3_000)))")
        }
        await database.close()
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))

        var schemaLost = whole
        schemaLost.replaceSubrange(100..<4_096, with: Data(repeating: 0xff, count: 3_996))
        try schemaLost.write(to: URL(fileURLWithPath: path))
        let error = try await openingError(path)
        #expect(error.reason == .corrupt)
        #expect(error.description.contains(path))

        var pageLost = whole
        pageLost.replaceSubrange(4_096..<8_192, with: Data(repeating: 0xff, count: 4_096))
        try pageLost.write(to: URL(fileURLWithPath: path))
        let damaged = try await SQLiteDatabase.open(path: path)
        let reading = await #expect(throws: DatabaseError.self) { try await damaged.query("SELECT * FROM t") }
        #expect(reading?.reason == .corrupt)
        let check = await #expect(throws: DatabaseError.self) { try await damaged.integrityCheck() }
        #expect(check?.reason == .corrupt)
        await damaged.close()
    }

    @Test func aPathThatCannotBeOpenedIsNamed() async throws {
        let missing = folder.path("no/such/folder/souk.sqlite")
        let error = try await openingError(missing)
        #expect(error.reason == .connection)
        #expect(error.description.contains(missing))
        #expect(try await openingError(folder.path).description.contains(folder.path))
    }

    @Test func aSecondProcessWaitsForTheLock() async throws {
        let one = try await SQLiteDatabase.open(path: path)
        let other = try await SQLiteDatabase.open(
            path: path, options: SQLiteOptions(busyTimeout: .milliseconds(20)))
        try await one.execute("CREATE TABLE t (n INTEGER) STRICT")
        let error = await #expect(throws: DatabaseError.self) {
            try await one.transaction { _ in try await other.execute("INSERT INTO t VALUES (1)") }
        }
        #expect(error?.reason == .busy)
        try await other.execute("INSERT INTO t VALUES (1)")
        await one.close()
        await other.close()
    }
}
