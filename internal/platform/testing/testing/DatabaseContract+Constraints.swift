import SoukDatabase
import SoukErrors

extension DatabaseContract {
    static let constraints: [Check] = [
        Check(name: "a second row of a key is a unique violation naming it", body: unique),
        Check(name: "a check that fails is named", body: check),
        Check(name: "a row that points nowhere is a foreign key violation", body: foreignKey),
        Check(name: "NULL where it may not be names the column", body: notNull),
        Check(name: "a trigger's refusal carries its text", body: raised),
        Check(name: "reasons decide the kind", body: kinds),
    ]

    private static func unique(_ database: any Database) async throws {
        try await makeTables(database)
        try await database.execute(insertItem("i"))
        for duplicate in [insertItem("other"), insertItem("i", sku: "other")] {
            guard
                case .uniqueViolation(let constraint) = try await reason(of: {
                    try await database.execute(duplicate)
                })
            else { throw Violation(description: "not a unique violation") }
            try require(constraint.contains("items"), "the constraint is unnamed: \(constraint)")
        }
        guard
            case .uniqueViolation(let constraint) = try await reason(of: {
                try await database.execute(insertItem("other"))
            })
        else { throw Violation(description: "not a unique violation") }
        try require(constraint.contains("sku"), "the column is unnamed: \(constraint)")
    }

    private static func check(_ database: any Database) async throws {
        try await makeTables(database)
        try await database.execute(insertItem("i"))
        try requireEqual(
            try await reason { try await database.execute("UPDATE items SET stock = stock - 2") },
            .checkViolation("stock_not_negative"))
        try requireEqual(try await stock(database), 1)
    }

    private static func foreignKey(_ database: any Database) async throws {
        try await makeTables(database)
        try requireEqual(
            try await reason { try await database.execute(insertItem("i", store: "absent")) },
            .foreignKeyViolation)
        try await database.execute(insertItem("i"))
        try requireEqual(
            try await reason { try await database.execute("DELETE FROM stores") }, .foreignKeyViolation)
    }

    private static func notNull(_ database: any Database) async throws {
        try await makeTables(database)
        try requireEqual(
            try await reason { try await database.execute(insertItem("i", stock: nil)) },
            .notNullViolation("items.stock"))
    }

    private static func raised(_ database: any Database) async throws {
        try await makeTables(database)
        switch database.dialect {
        case .sqlite:
            try await database.execute(
                "CREATE TRIGGER no_delete BEFORE DELETE ON stores BEGIN SELECT RAISE(ABORT, 'stores stay'); END"
            )
        case .postgres:
            try await database.execute(
                """
                CREATE FUNCTION no_delete() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN RAISE EXCEPTION 'stores stay'; END $$
                """)
            try await database.execute(
                "CREATE TRIGGER no_delete BEFORE DELETE ON stores FOR EACH ROW EXECUTE FUNCTION no_delete()")
        }
        try requireEqual(
            try await reason { try await database.execute("DELETE FROM stores") }, .raised("stores stay"))
    }

    private static func kinds(_ database: any Database) async throws {
        try await makeTables(database)
        try await database.execute(insertItem("i"))
        do {
            try await database.execute(insertItem("i"))
            throw Violation(description: "no error was thrown")
        } catch let error as DatabaseError {
            try requireEqual(error.kind, .conflict)
            try require(!error.message.contains("items"), "the public message names a table")
            try require(error.detail?.contains("items") == true, "the detail names no table")
        }
    }
}
