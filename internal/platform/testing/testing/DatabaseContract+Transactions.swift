import SoukDatabase
import Synchronization

extension DatabaseContract {
    static let transactions: [Check] = [
        Check(name: "a committed transaction is seen by others", body: commits),
        Check(name: "the body's own error comes out after the rollback", body: rollsBack),
        Check(name: "a failed statement whose error comes out leaves nothing behind", body: failedStatement),
        Check(name: "actions run after the commit and not after a rollback", body: afterCommit),
        Check(name: "a transaction cannot be used after its end", body: escapes),
        Check(name: "the handle is refused inside its own transaction and snapshot", body: nesting),
        Check(name: "a task started in a transaction may use the handle later", body: outlives),
        Check(name: "a cancelled transaction is rolled back", body: cancelled),
        Check(name: "a snapshot reads one state and writes nothing", body: snapshot),
        Check(name: "a closed database says so", body: closed),
    ]

    private struct BodyError: Error, Equatable {
        let number: Int
    }

    private static func commits(_ database: any Database) async throws {
        try await makeTables(database)
        let seen = try await database.transaction { transaction in
            try await transaction.execute(insertItem("i", stock: 3))
            try await transaction.execute("UPDATE items SET stock = stock + 1")
            return try await stock(transaction)
        }
        try requireEqual(seen, 4)
        try requireEqual(try await stock(database), 4)
    }

    private static func rollsBack(_ database: any Database) async throws {
        try await makeTables(database)
        do {
            try await database.transaction { transaction in
                try await transaction.execute(insertItem("i"))
                throw BodyError(number: 7)
            }
            throw Violation(description: "no error was thrown")
        } catch let error as BodyError {
            try requireEqual(error, BodyError(number: 7))
        }
        try requireEqual(try await stock(database), nil)
        // The connection is fit for the next one.
        try await database.transaction { try await $0.execute(insertItem("i")) }
        try requireEqual(try await stock(database), 1)
    }

    private static func failedStatement(_ database: any Database) async throws {
        try await makeTables(database)
        let reason = try await reason {
            try await database.transaction { transaction in
                try await transaction.execute(insertItem("i"))
                try await transaction.execute(insertItem("j", sku: "other", stock: -1))
            }
        }
        try requireEqual(reason, .checkViolation("stock_not_negative"))
        try requireEqual(try await stock(database), nil)
    }

    private static func afterCommit(_ database: any Database) async throws {
        try await makeTables(database)
        let log = Mutex<[Int]>([])
        try await database.transaction { transaction in
            transaction.afterCommit { log.withLock { $0.append(1) } }
            try await transaction.execute(insertItem("i"))
            transaction.afterCommit { log.withLock { $0.append(2) } }
            try requireEqual(log.withLock { $0 }, [])
        }
        try requireEqual(log.withLock { $0 }, [1, 2])
        try? await database.transaction { transaction in
            transaction.afterCommit { log.withLock { $0.append(3) } }
            throw BodyError(number: 1)
        }
        try requireEqual(log.withLock { $0 }, [1, 2])
    }

    private static func escapes(_ database: any Database) async throws {
        let escaped = try await database.transaction { $0 }
        try requireEqual(try await reason { _ = try await escaped.query("SELECT 1") }, .closed)
        let reader = try await database.snapshot { $0 }
        try requireEqual(try await reason { _ = try await reader.query("SELECT 1") }, .closed)
    }

    private static func nesting(_ database: any Database) async throws {
        try await makeTables(database)
        let uses: [@Sendable () async throws -> Void] = [
            { _ = try await database.query("SELECT 1") },
            { try await database.execute("DELETE FROM items") },
            { try await database.transaction { _ in } },
            { try await database.snapshot { _ in } },
        ]
        for use in uses {
            try requireEqual(
                try await reason { try await database.transaction { _ in try await use() } }, .nested)
            try requireEqual(
                try await reason { try await database.snapshot { _ in try await use() } }, .nested)
        }
        try await database.transaction { _ in }
    }

    private static func outlives(_ database: any Database) async throws {
        try await makeTables(database)
        let isOver = TestSignal()
        let task = try await database.transaction { _ in
            Task {
                await isOver.wait()
                return try await database.transaction { try await $0.execute(insertItem("i")) }
            }
        }
        isOver.fire()
        try requireEqual(try await task.value, 1)
    }

    private static func cancelled(_ database: any Database) async throws {
        try await makeTables(database)
        let hasWritten = TestSignal()
        let isCancelled = TestSignal()
        let task = Task {
            try await database.transaction { transaction in
                try await transaction.execute(insertItem("i"))
                hasWritten.fire()
                await isCancelled.wait()
            }
        }
        await hasWritten.wait()
        task.cancel()
        isCancelled.fire()
        do {
            try await task.value
            throw Violation(description: "a cancelled transaction was committed")
        } catch is CancellationError {}
        try requireEqual(try await stock(database), nil)
        try await database.transaction { try await $0.execute(insertItem("i")) }
    }

    private static func snapshot(_ database: any Database) async throws {
        try await makeTables(database)
        try await database.execute(insertItem("i", stock: 1))
        let hasBegun = TestSignal()
        let hasChanged = TestSignal()
        async let seen = database.snapshot { reader in
            hasBegun.fire()
            await hasChanged.wait()
            let first = try await stock(reader)
            return [first, try await stock(reader)]
        }
        await hasBegun.wait()
        try await database.execute("UPDATE items SET stock = 2")
        hasChanged.fire()
        try requireEqual(try await seen, [1, 1])
        try requireEqual(try await stock(database), 2)
        let write = try await reason {
            _ = try await database.snapshot { try await $0.execute("UPDATE items SET stock = 3") }
        }
        try requireEqual(write, .readOnly)
        do {
            try await database.snapshot { _ in throw BodyError(number: 9) }
            throw Violation(description: "no error was thrown")
        } catch let error as BodyError {
            try requireEqual(error, BodyError(number: 9))
        }
    }

    private static func closed(_ database: any Database) async throws {
        try await makeTables(database)
        await database.close()
        await database.close()
        try requireEqual(try await reason { _ = try await database.query("SELECT 1") }, .closed)
        try requireEqual(try await reason { try await database.execute(insertItem("i")) }, .closed)
        try requireEqual(try await reason { try await database.transaction { _ in } }, .closed)
        try requireEqual(try await reason { try await database.snapshot { _ in } }, .closed)
        try requireEqual(try await reason { try await database.ping() }, .closed)
    }
}
