import SoukDatabase

extension DatabaseContract {
    static let migrations: [Check] = [
        Check(name: "migrations run once, in order", body: migrates),
        Check(name: "several migrators at once apply each migration once", body: migratesTogether),
        Check(name: "a changed migration is refused", body: refusesChange),
        Check(name: "a migration of a later release is refused", body: refusesUnknown),
        Check(name: "migrations out of order are refused", body: refusesDisorder),
        Check(name: "a migration that fails leaves nothing, and the earlier ones", body: failsWhole),
        Check(name: "sets do not disturb each other", body: keepsSetsApart),
    ]

    private static let first = Migration(1, "steps", ["CREATE TABLE steps (n TEXT PRIMARY KEY)"])
    private static let second = Migration(
        2, "rows", ["INSERT INTO steps VALUES ('a')", "INSERT INTO steps VALUES ('b')"])
    private static let third = Migration(3, "column", ["ALTER TABLE steps ADD COLUMN note TEXT"])

    private static func records(_ database: any Database) async throws -> [Int] {
        try await database.query("SELECT version FROM schema_migrations ORDER BY set_name, version")
            .map { try $0.get("version") }
    }

    private static func migrationError(_ body: () async throws -> Void) async throws -> MigrationError {
        do {
            try await body()
        } catch let error as MigrationError {
            return error
        }
        throw Violation(description: "no error was thrown")
    }

    private static func migrates(_ database: any Database) async throws {
        try await Migrator.migrate(database, [first, second], set: "s")
        try await Migrator.migrate(database, [first, second], set: "s")
        try requireEqual(try await records(database), [1, 2])
        try await Migrator.migrate(database, [first, second, third], set: "s")
        try requireEqual(try await records(database), [1, 2, 3])
        try requireEqual(try await database.scalar("SELECT count(*) FROM steps WHERE note IS NULL"), 2)
    }

    private static func migratesTogether(_ database: any Database) async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<5 {
                group.addTask { try await Migrator.migrate(database, [first, second, third], set: "s") }
            }
            try await group.waitForAll()
        }
        try requireEqual(try await records(database), [1, 2, 3])
        try requireEqual(try await database.scalar("SELECT count(*) FROM steps"), 2)
    }

    private static func refusesChange(_ database: any Database) async throws {
        try await Migrator.migrate(database, [first, second], set: "s")
        let changed = Migration(2, "rows", ["INSERT INTO steps VALUES ('c')"])
        let error = try await migrationError {
            try await Migrator.migrate(database, [first, changed, third], set: "s")
        }
        try requireEqual(error, .changed(set: "s", version: 2, name: "rows"))
        try requireEqual(try await records(database), [1, 2])
    }

    private static func refusesUnknown(_ database: any Database) async throws {
        try await Migrator.migrate(database, [first, second, third], set: "s")
        let error = try await migrationError {
            try await Migrator.migrate(database, [first, second], set: "s")
        }
        try requireEqual(error, .unknown(set: "s", version: 3, name: "column"))
    }

    private static func refusesDisorder(_ database: any Database) async throws {
        let listed = try await migrationError {
            try await Migrator.migrate(database, [second, first], set: "s")
        }
        try requireEqual(listed, .unordered(set: "s", version: 1))
        let twice = try await migrationError {
            try await Migrator.migrate(database, [first, first], set: "s")
        }
        try requireEqual(twice, .unordered(set: "s", version: 1))
        try await Migrator.migrate(database, [first, third], set: "s")
        let late = try await migrationError {
            try await Migrator.migrate(database, [first, second, third], set: "s")
        }
        try requireEqual(late, .outOfOrder(set: "s", version: 2, name: "rows", newest: 3))
    }

    private static func failsWhole(_ database: any Database) async throws {
        let broken = Migration(
            2, "broken", ["INSERT INTO steps VALUES ('a')", "INSERT INTO absent VALUES (1)"])
        do {
            try await Migrator.migrate(database, [first, broken], set: "s")
            throw Violation(description: "no error was thrown")
        } catch let error as DatabaseError {
            try requireEqual(error.reason, .syntax)
            try require(
                error.detail?.contains("migration 2 (broken)") == true, "the detail names no migration")
        }
        try requireEqual(try await records(database), [1])
        try requireEqual(try await database.scalar("SELECT count(*) FROM steps"), 0)
        try await Migrator.migrate(database, [first, second], set: "s")
        try requireEqual(try await records(database), [1, 2])
    }

    private static func keepsSetsApart(_ database: any Database) async throws {
        let other = Migration(1, "others", ["CREATE TABLE others (n TEXT)"])
        try await Migrator.migrate(database, [first, second], set: "a")
        try await Migrator.migrate(database, [other], set: "b")
        try requireEqual(try await records(database), [1, 2, 1])
    }
}
