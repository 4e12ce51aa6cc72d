import SoukDatabase
import SoukTesting
import Synchronization
import Testing

@testable import SoukDatabaseSQLite

/// Transactions that wait for the writer together are committed together.
@Suite(.timeLimit(.minutes(1)))
struct CommitGroupTests {
    private struct Unlucky: Error {}

    private let folder: TemporaryFolder
    private let database: SQLiteDatabase

    init() async throws {
        folder = try TemporaryFolder()
        database = try await SQLiteDatabase.open(
            path: folder.path("group.sqlite"), options: SQLiteOptions(commitWindow: .seconds(60)))
        try await database.execute("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT")
        try await database.execute(
            "CREATE TABLE child (n INTEGER REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED) STRICT")
    }

    /// Runs the members one after the other in one group: a first transaction holds the writer until all of them wait.
    private func together(_ members: [@Sendable (any Transaction) async throws -> Void]) async -> [Result<
        Void, any Error
    >] {
        let held = TestSignal()
        let release = TestSignal()
        async let first: Void? = try? database.transaction { _ in
            held.fire()
            await release.wait()
        }
        await held.wait()
        let results = await withTaskGroup(of: (Int, Result<Void, any Error>).self) { tasks in
            for (index, member) in members.enumerated() {
                tasks.addTask { [database] in
                    do {
                        try await database.transaction(member)
                        return (index, .success(()))
                    } catch {
                        return (index, .failure(error))
                    }
                }
                await database.untilWaiting(index + 1)
            }
            release.fire()
            var results: [Int: Result<Void, any Error>] = [:]
            for await (index, result) in tasks { results[index] = result }
            return results.sorted { $0.key < $1.key }.map(\.value)
        }
        _ = await first
        return results
    }

    private func numbers() async throws -> [Int] {
        try await database.query("SELECT n FROM t ORDER BY n").map { try $0.get("n") }
    }

    @Test func `nobody else sees, and nobody is told of, what the group has not committed`() async throws {
        let other = try await SQLiteDatabase.open(path: folder.path("group.sqlite"))
        let isFirstDone = Mutex(false)
        let seen = Mutex<[Int]>([])
        let results = await together([
            { transaction in
                try await transaction.execute("INSERT INTO t VALUES (1)")
                transaction.afterCommit { isFirstDone.withLock { $0 = true } }
            },
            { transaction in
                // What came before it in the group it sees; another connection doesn't.
                try #expect(await transaction.scalar("SELECT count(*) FROM t") == 1)
                let rows = try await other.query("SELECT n FROM t").count
                seen.withLock { $0.append(rows) }
                #expect(isFirstDone.withLock { !$0 })
                try await transaction.execute("INSERT INTO t VALUES (2)")
            },
        ])
        #expect(results.allSatisfy { (try? $0.get()) != nil })
        #expect(seen.withLock { $0 } == [0])
        #expect(try await other.query("SELECT n FROM t").count == 2)
        #expect(isFirstDone.withLock { $0 })
        await other.close()
    }

    @Test func `one that fails undoes its own changes only`() async throws {
        let results = await together([
            { try await $0.execute("INSERT INTO t VALUES (1)") },
            { transaction in
                try await transaction.execute("INSERT INTO t VALUES (2)")
                throw Unlucky()
            },
            { try await $0.execute("INSERT INTO t VALUES (1)") },
            { try await $0.execute("INSERT INTO t VALUES (4)") },
        ])
        #expect(throws: Never.self) { try results[0].get() }
        #expect(throws: Unlucky.self) { try results[1].get() }
        #expect(throws: DatabaseError.self) { try results[2].get() }
        #expect(throws: Never.self) { try results[3].get() }
        #expect(try await numbers() == [1, 4])
    }

    @Test func `what would fail at the commit fails alone`() async throws {
        let results = await together([
            { try await $0.execute("INSERT INTO t VALUES (1)") },
            { try await $0.execute("INSERT INTO child VALUES (99)") },
            { transaction in
                try await transaction.execute("INSERT INTO child VALUES (3)")
                try await transaction.execute("INSERT INTO t VALUES (3)")
            },
        ])
        #expect(throws: Never.self) { try results[0].get() }
        #expect {
            try results[1].get()
        } throws: {
            ($0 as? DatabaseError)?.reason == .foreignKeyViolation
        }
        #expect(throws: Never.self) { try results[2].get() }
        #expect(try await numbers() == [1, 3])
        #expect(try await database.query("SELECT n FROM child").count == 1)
    }

    @Test func `one that is cancelled in the middle harms no other`() async throws {
        let results = await together([
            { try await $0.execute("INSERT INTO t VALUES (1)") },
            { transaction in
                try await transaction.execute("INSERT INTO t VALUES (2)")
                withUnsafeCurrentTask { $0?.cancel() }
                try await transaction.execute("INSERT INTO t SELECT n + 100 FROM t")
            },
            { try await $0.execute("INSERT INTO t VALUES (3)") },
        ])
        #expect(throws: (any Error).self) { try results[1].get() }
        #expect(try await numbers() == [1, 3])
    }

    @Test func `where SQLite gives up the transaction, all of the group are told`() async throws {
        let results = await together([
            { try await $0.execute("INSERT INTO t VALUES (1)") },
            // As an I/O error or a full disk may do.
            { transaction in
                try await transaction.execute("ROLLBACK")
                try await transaction.execute("SELECT no_such_function()")
            },
            { try await $0.execute("INSERT INTO t VALUES (3)") },
        ])
        #expect(throws: DatabaseError.self) { try results[0].get() }
        #expect(throws: DatabaseError.self) { try results[1].get() }
        #expect(throws: Never.self) { try results[2].get() }
        #expect(try await numbers() == [3])
    }

    @Test func `many at once: each is there or was refused`() async throws {
        let done = await withTaskGroup(of: Int?.self) { tasks in
            for number in 0..<400 {
                tasks.addTask { [database] in
                    do {
                        try await database.transaction { transaction in
                            try await transaction.execute("INSERT INTO t VALUES (\(number))")
                            if number.isMultiple(of: 7) { throw Unlucky() }
                        }
                        return number
                    } catch {
                        return nil
                    }
                }
            }
            return await tasks.reduce(into: [Int]()) { done, number in if let number { done.append(number) } }
        }
        #expect(try await numbers() == done.sorted())
        #expect(done.count == 400 - 58)
    }

    @Test func `closing waits for the group`() async throws {
        async let results = together([
            { try await $0.execute("INSERT INTO t VALUES (1)") },
            { try await $0.execute("INSERT INTO t VALUES (2)") },
        ])
        #expect(await results.count { (try? $0.get()) != nil } == 2)
        await database.close()
        let again = try await SQLiteDatabase.open(path: folder.path("group.sqlite"))
        #expect(try await again.query("SELECT n FROM t").count == 2)
        await again.close()
    }
}

extension SQLiteDatabase {
    /// Returns once so many wait for the writer.
    fileprivate func untilWaiting(_ count: Int) async {
        while writersWaiting < count { await Task.yield() }
    }
}
