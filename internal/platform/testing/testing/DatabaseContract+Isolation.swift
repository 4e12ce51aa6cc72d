import SoukDatabase
import Synchronization

extension DatabaseContract {
    static let isolation: [Check] = [
        Check(name: "who reads to write needs no lock", body: lostUpdate),
        Check(name: "of two rows that must not both go, one stays", body: writeSkew),
        Check(name: "a bound on a sum holds however many add to it", body: boundedSum),
        Check(name: "a condition in a single statement holds, too", body: boundedStatements),
        Check(name: "actions run once for each commit, however often the body ran", body: actionsOnce),
        Check(name: "a statement ends with its task, and the database goes on", body: cancelledStatement),
    ]

    private static func makeShifts(_ database: any Database, _ workers: Int) async throws {
        let integer = database.dialect == .sqlite ? "INTEGER" : "BIGINT"
        try await database.execute(
            SQL(raw: "CREATE TABLE shifts (worker \(integer) PRIMARY KEY, hours \(integer) NOT NULL)"))
        for worker in 0..<workers {
            try await database.execute("INSERT INTO shifts (worker, hours) VALUES (\(worker), 1)")
        }
    }

    private static func sum(_ executor: any SQLExecutor) async throws -> Int {
        try await executor.scalar("SELECT sum(hours) FROM shifts") ?? 0
    }

    /// Twenty workers, each some turns.
    private static func race(
        turns: Int = 1, _ body: @escaping @Sendable (_ worker: Int) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup { group in
            for worker in 0..<20 {
                group.addTask { for _ in 0..<turns { try await body(worker) } }
            }
            try await group.waitForAll()
        }
    }

    private static func lostUpdate(_ database: any Database) async throws {
        try await makeTables(database)
        try await database.execute(insertItem("i", stock: 0))
        try await race(turns: 5) { _ in
            try await database.transaction { transaction in
                let seen = try await stock(transaction) ?? 0
                try await transaction.execute("UPDATE items SET stock = \(seen + 1) WHERE id = 'i'")
            }
        }
        try requireEqual(try await stock(database), 100)
    }

    private static func writeSkew(_ database: any Database) async throws {
        try await makeShifts(database, 2)
        for _ in 0..<10 {
            try await database.execute("UPDATE shifts SET hours = 1")
            // Each sees that the other is still there, and goes.
            try await race { worker in
                try await database.transaction { transaction in
                    guard try await sum(transaction) == 2 else { return }
                    try await transaction.execute("UPDATE shifts SET hours = 0 WHERE worker = \(worker % 2)")
                }
            }
            try requireEqual(try await sum(database), 1)
        }
    }

    private static func boundedSum(_ database: any Database) async throws {
        try await makeShifts(database, 0)
        try await race { worker in
            try await database.transaction { transaction in
                guard try await sum(transaction) < 8 else { return }
                try await transaction.execute("INSERT INTO shifts (worker, hours) VALUES (\(worker), 2)")
            }
        }
        try requireEqual(try await sum(database), 8)
    }

    private static func boundedStatements(_ database: any Database) async throws {
        try await makeShifts(database, 0)
        try await race { worker in
            try await database.execute(
                """
                INSERT INTO shifts (worker, hours)
                SELECT \(worker), 1 WHERE (SELECT count(*) FROM shifts) < 5
                """)
        }
        try requireEqual(try await sum(database), 5)
    }

    private static func actionsOnce(_ database: any Database) async throws {
        try await makeShifts(database, 1)
        let runs = Mutex(0)
        let actions = Mutex(0)
        try await race { _ in
            try await database.transaction { transaction in
                runs.withLock { $0 += 1 }
                transaction.afterCommit { actions.withLock { $0 += 1 } }
                let hours = try await sum(transaction)
                try await transaction.execute("UPDATE shifts SET hours = \(hours + 1)")
            }
        }
        try requireEqual(try await sum(database), 21)
        try requireEqual(actions.withLock { $0 }, 20)
        try require(runs.withLock { $0 } >= 20, "bodies did not run")
    }

    private static func cancelledStatement(_ database: any Database) async throws {
        for _ in 0..<5 {
            let isRunning = TestSignal()
            let task = Task {
                try await database.snapshot { reader in
                    _ = try await reader.query("SELECT 1")
                    isRunning.fire()
                    // Ends by itself after a minute or so: a cancellation that got lost shows.
                    return try await reader.query(
                        """
                        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000000)
                        SELECT count(*) FROM n
                        """)
                }
            }
            await isRunning.wait()
            task.cancel()
            try requireEqual(try await reason { _ = try await task.value }, .cancelled)
        }
        try await database.ping()
    }
}
