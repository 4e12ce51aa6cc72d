import SoukDatabase
import SoukDatabasePostgres
import SoukTesting
import Synchronization
import Testing

@Suite(
    .timeLimit(.minutes(1)), .enabled(if: PostgresTestServer.isAvailable, "\(PostgresTestServer.hint)"))
struct PostgresTransactionTests {
    private struct Wrapped: Error {
        let cause: any Error
    }

    @Test(arguments: Isolation.allCases) func runsAtTheIsolationAskedFor(_ isolation: Isolation) async throws
    {
        let database = try await PostgresTestServer.makeDatabase()
        let found = try await database.transaction(isolation: isolation) {
            try await $0.scalar("SELECT current_setting('transaction_isolation')", as: String.self)
        }
        #expect(found == (isolation == .serializable ? "serializable" : "read committed"))
        let snapshot = try await database.snapshot {
            try await $0.query(
                "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
        }
        #expect(snapshot.first?.values == [.text("repeatable read"), .text("on")])
    }

    @Test func aQueryThatWritesIsRefused() async throws {
        let database = try await PostgresTestServer.makeDatabase()
        try await database.execute("CREATE TABLE t (n BIGINT)")
        let error = await #expect(throws: DatabaseError.self) {
            try await database.query("INSERT INTO t VALUES (1) RETURNING n")
        }
        #expect(error?.reason == .readOnly)
        try #expect(await database.scalar("SELECT count(*) FROM t") == 0)
    }

    /// The body wraps, or swallows, the serialization failure: it is run again all the same.
    @Test(arguments: [false, true]) func runsAgainWhateverTheBodyMakesOfIt(_ isSwallowed: Bool) async throws {
        let database = try await PostgresTestServer.makeDatabase()
        try await database.execute("CREATE TABLE t (n BIGINT)")
        try await database.execute("INSERT INTO t VALUES (0)")
        let runs = Mutex(0)
        try await database.transaction { transaction in
            let run = runs.withLock { runs in
                runs += 1
                return runs
            }
            let seen: Int? = try await transaction.scalar("SELECT n FROM t")
            if run == 1 { try await Self.elsewhere { try await database.execute("UPDATE t SET n = 10") } }
            do {
                try await transaction.execute("UPDATE t SET n = \((seen ?? 0) + 1)")
            } catch {
                guard isSwallowed else { throw Wrapped(cause: error) }
            }
        }
        #expect(runs.withLock { $0 } == 2)
        try #expect(await database.scalar("SELECT n FROM t") == 11)
    }

    /// Only the commit finds out that the two read what the other wrote.
    @Test func runsAgainWhenTheCommitFails() async throws {
        let database = try await PostgresTestServer.makeDatabase()
        try await database.execute("CREATE TABLE t (k BIGINT PRIMARY KEY, n BIGINT)")
        try await database.execute("INSERT INTO t VALUES (1, 1), (2, 1)")
        let runs = Mutex(0)
        let actions = Mutex(0)
        try await database.transaction { transaction in
            let run = runs.withLock { runs in
                runs += 1
                return runs
            }
            transaction.afterCommit { actions.withLock { $0 += 1 } }
            let sum: Int? = try await transaction.scalar("SELECT sum(n) FROM t")
            guard sum == 2 else { return }
            try await transaction.execute("UPDATE t SET n = 0 WHERE k = 1")
            if run == 1 {
                try await Self.elsewhere {
                    try await database.transaction { other in
                        guard try await other.scalar("SELECT sum(n) FROM t", as: Int.self) == 2 else {
                            return
                        }
                        try await other.execute("UPDATE t SET n = 0 WHERE k = 2")
                    }
                }
            }
        }
        #expect(runs.withLock { $0 } == 2 && actions.withLock { $0 } == 1)
        try #expect(await database.scalar("SELECT sum(n) FROM t") == 1)
    }

    private final class Count: Sendable {
        let value = Mutex(0)
    }

    /// Each holds what the other wants: the server ends one of them, which is run again after the other.
    @Test(arguments: Isolation.allCases) func theVictimOfADeadlockRunsAgain(_ isolation: Isolation)
        async throws
    {
        let database = try await PostgresTestServer.makeDatabase()
        try await database.execute("CREATE TABLE t (k BIGINT PRIMARY KEY, n BIGINT)")
        try await database.execute("INSERT INTO t VALUES (1, 0), (2, 0)")
        let runs = Count()
        let haveLocked = [TestSignal(), TestSignal()]
        @Sendable func raise(_ mine: Int, _ other: Int) async throws {
            try await database.transaction(isolation: isolation) { transaction in
                runs.value.withLock { $0 += 1 }
                try await transaction.execute("UPDATE t SET n = n + 1 WHERE k = \(mine + 1)")
                haveLocked[mine].fire()
                await haveLocked[other].wait()
                try await transaction.execute("UPDATE t SET n = n + 1 WHERE k = \(other + 1)")
            }
        }
        async let first: Void = raise(0, 1)
        try await raise(1, 0)
        try await first
        #expect(runs.value.withLock { $0 } >= 3)
        try #expect(await database.scalar("SELECT min(n) FROM t") == 2)
        try #expect(await database.scalar("SELECT max(n) FROM t") == 2)
    }

    @Test func enoughIsEnough() async throws {
        let database = try await PostgresTestServer.makeDatabase { $0.attemptLimit = 3 }
        try await database.execute("CREATE TABLE t (n BIGINT)")
        try await database.execute("INSERT INTO t VALUES (0)")
        let runs = Mutex(0)
        let error = await #expect(throws: DatabaseError.self) {
            try await database.transaction { transaction in
                runs.withLock { $0 += 1 }
                _ = try await transaction.query("SELECT n FROM t")
                try await Self.elsewhere { try await database.execute("UPDATE t SET n = n + 1") }
                try await transaction.execute("UPDATE t SET n = n + 1")
            }
        }
        #expect(error?.reason == .busy)
        #expect(runs.withLock { $0 } == 3)
    }

    /// COMMIT of a failed transaction rolls back and says nothing.
    @Test func aSwallowedErrorDoesNotCommitInSilence() async throws {
        let database = try await PostgresTestServer.makeDatabase()
        try await database.execute("CREATE TABLE t (n BIGINT PRIMARY KEY)")
        let hasRun = TestSignal()
        let reasons = Mutex<[DatabaseError.Reason]>([])
        let body: @Sendable (any Transaction) async throws -> Void = { transaction in
            transaction.afterCommit { hasRun.fire() }
            try await transaction.execute("INSERT INTO t VALUES (1)")
            for sql in ["INSERT INTO t VALUES (1)", "SELECT 1"] as [SQL] {
                do {
                    try await transaction.execute(sql)
                } catch let error as DatabaseError {
                    reasons.withLock { $0.append(error.reason) }
                }
            }
        }
        let error = await #expect(throws: DatabaseError.self) { try await database.transaction(body) }
        #expect(reasons.withLock { $0 } == Array(repeating: .uniqueViolation(constraint: "t_pkey"), count: 2))
        #expect(error?.reason == .uniqueViolation(constraint: "t_pkey"))
        #expect(!hasRun.hasFired)
        try #expect(await database.scalar("SELECT count(*) FROM t") == 0)
    }

    @Test func aCommitThatFailsChangesNothing() async throws {
        let database = try await PostgresTestServer.makeDatabase()
        try await database.execute("CREATE TABLE p (id BIGINT PRIMARY KEY)")
        try await database.execute(
            "CREATE TABLE c (p BIGINT REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)")
        let error = await #expect(throws: DatabaseError.self) {
            try await database.transaction { try await $0.execute("INSERT INTO c VALUES (1)") }
        }
        #expect(error?.reason == .foreignKeyViolation)
        try #expect(await database.scalar("SELECT count(*) FROM c") == 0)
    }

    @Test func aStatementThatTakesTooLongIsEnded() async throws {
        let database = try await PostgresTestServer.makeDatabase {
            $0.poolSize = 1
            $0.statementTimeout = .milliseconds(100)
        }
        let error = await #expect(throws: DatabaseError.self) {
            try await database.query("SELECT pg_sleep(30)")
        }
        #expect(error?.reason == .busy)
        try #expect(await database.scalar("SELECT 1") == 1)
    }

    @Test func aRunningStatementEndsWithItsTask() async throws {
        let database = try await PostgresTestServer.makeDatabase { $0.poolSize = 1 }
        let session: Int? = try await database.scalar("SELECT pg_backend_pid()")
        // Before it is sent, while it is, and while it runs.
        for pause in [0, 0, 0, 1, 3, 10, 50] {
            let isRunning = TestSignal()
            let task = Task {
                isRunning.fire()
                return try await database.execute("SELECT pg_sleep(30)")
            }
            await isRunning.wait()
            try await Task.sleep(for: .milliseconds(pause))
            task.cancel()
            let error = await #expect(throws: DatabaseError.self) { try await task.value }
            #expect(error?.reason == .cancelled)
        }
        try #expect(
            await database.scalar("SELECT pg_backend_pid()") == session, "the connection is fit for use")
    }

    /// The work of somebody else: outside of the transaction that this task is in.
    private static func elsewhere(_ body: @escaping @Sendable () async throws -> Void) async throws {
        try await Task.detached { try await body() }.value
    }
}
