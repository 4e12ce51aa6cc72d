import SoukDatabase

extension DatabaseContract {
    static let concurrency: [Check] = [
        Check(name: "increments of fifty tasks all count", body: increments),
        Check(name: "a read followed by a write of the same transaction loses nothing", body: readThenWrite),
        Check(name: "of twenty who race for one slot, one wins", body: race),
        Check(name: "concurrent children of one transaction take turns", body: children),
        Check(name: "waiting for the other writer ends with cancellation", body: cancelledWait),
        Check(name: "closing waits for the transaction that runs", body: closesGently),
    ]

    private static func increments(_ database: any Database) async throws {
        try await makeTables(database)
        try await database.execute(insertItem("i", stock: 0))
        try await withThrowingTaskGroup { group in
            for _ in 0..<50 {
                group.addTask {
                    for _ in 0..<20 {
                        try await database.transaction {
                            try await $0.execute("UPDATE items SET stock = stock + 1 WHERE id = 'i'")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        try requireEqual(try await stock(database), 1_000)
    }

    private static func readThenWrite(_ database: any Database) async throws {
        try await makeTables(database)
        try await database.execute(insertItem("i", stock: 0))
        // PostgreSQL lets transactions run side by side: who reads to write says so.
        let lock = SQL(raw: database.dialect == .postgres ? " FOR UPDATE" : "")
        try await withThrowingTaskGroup { group in
            for _ in 0..<20 {
                group.addTask {
                    for _ in 0..<10 {
                        try await database.transaction { transaction in
                            let stock = try await transaction.scalar(
                                "SELECT stock FROM items WHERE id = 'i'" + lock, as: Int.self)
                            try await transaction.execute(
                                "UPDATE items SET stock = \((stock ?? 0) + 1) WHERE id = 'i'")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        try requireEqual(try await stock(database), 200)
    }

    private static func race(_ database: any Database) async throws {
        try await makeTables(database)
        for slot in 0..<10 {
            let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
                for worker in 0..<20 {
                    group.addTask {
                        do {
                            try await database.transaction {
                                try await $0.execute(insertItem("\(slot)-\(worker)", sku: "slot-\(slot)"))
                            }
                            return true
                        } catch let error as DatabaseError {
                            guard case .uniqueViolation = error.reason else { throw error }
                            return false
                        }
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            try requireEqual(wins, 1)
        }
        try requireEqual(try await database.scalar("SELECT count(*) FROM items"), 10)
    }

    private static func children(_ database: any Database) async throws {
        try await makeTables(database)
        try await database.transaction { transaction in
            try await withThrowingTaskGroup { group in
                for child in 0..<20 {
                    group.addTask { try await transaction.execute(insertItem("\(child)", sku: "\(child)")) }
                }
                try await group.waitForAll()
            }
        }
        try requireEqual(try await database.scalar("SELECT count(*) FROM items"), 20)
    }

    private static func cancelledWait(_ database: any Database) async throws {
        try await makeTables(database)
        try await database.execute(insertItem("i", stock: 0))
        let hasLock = TestSignal()
        let mayEnd = TestSignal()
        async let holder: Void = database.transaction { transaction in
            try await transaction.execute("UPDATE items SET stock = 1 WHERE id = 'i'")
            hasLock.fire()
            await mayEnd.wait()
        }
        await hasLock.wait()
        let waiters = (0..<10).map { _ in
            Task { try await database.transaction { try await $0.execute("UPDATE items SET stock = 99") } }
        }
        await Task.yield()
        for waiter in waiters { waiter.cancel() }
        for waiter in waiters {
            do {
                _ = try await waiter.value
                throw Violation(description: "a cancelled transaction was committed")
            } catch is CancellationError {
            } catch let error as DatabaseError where error.reason == .cancelled {}
        }
        mayEnd.fire()
        try await holder
        try requireEqual(try await stock(database), 1)
    }

    private static func closesGently(_ database: any Database) async throws {
        try await makeTables(database)
        let hasWritten = TestSignal()
        let mayEnd = TestSignal()
        async let writer: Void = database.transaction { transaction in
            try await transaction.execute(insertItem("i"))
            hasWritten.fire()
            await mayEnd.wait()
            try await transaction.execute("UPDATE items SET stock = 2")
        }
        await hasWritten.wait()
        async let close: Void = database.close()
        mayEnd.fire()
        try await writer
        await close
    }
}
