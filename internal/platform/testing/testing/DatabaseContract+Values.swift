import SoukDatabase
import SoukIDs
import SoukTime

extension DatabaseContract {
    static let values: [Check] = [
        Check(name: "values of every type come back as they went in", body: everyType),
        Check(name: "texts that look like SQL stay texts", body: injection),
        Check(name: "NULL is nil, and an error where the type is not optional", body: nulls),
        Check(name: "a value of another kind is not converted", body: mismatch),
        Check(name: "lists bind each element, and an empty list matches nothing", body: lists),
        Check(name: "a blob of some megabytes comes back whole", body: largeBlob),
        Check(name: "execute returns how many rows changed", body: changeCounts),
        Check(name: "an invalid statement is a syntax error", body: syntax),
        Check(name: "a changed table is read with its new columns", body: changedColumns),
    ]

    private static func makeValues(_ database: any Database) async throws {
        let isSQLite = database.dialect == .sqlite
        try await database.execute(
            SQL(
                raw: """
                    CREATE TABLE contract_values (
                        k TEXT PRIMARY KEY, n \(isSQLite ? "INTEGER" : "BIGINT"),
                        r \(isSQLite ? "REAL" : "DOUBLE PRECISION"), t TEXT, b \(isSQLite ? "BLOB" : "BYTEA")
                    ) \(isSQLite ? "STRICT" : "")
                    """))
    }

    private static func everyType(_ database: any Database) async throws {
        try await makeValues(database)
        enum Tag {}
        let id = ID<Tag>()
        let time = Timestamp(microseconds: 1_767_225_600_123_456)
        let row = { (key: String) async throws -> Row in
            guard let row = try await database.first("SELECT * FROM contract_values WHERE k = \(key)") else {
                throw Violation(description: "no row \(key)")
            }
            return row
        }
        for (index, number) in [Int64.min, -1, 0, 1, .max].enumerated() {
            try await database.execute(
                "INSERT INTO contract_values (k, n) VALUES (\("n\(index)"), \(number))")
            try requireEqual(try await row("n\(index)").get("n", as: Int64.self), number)
        }
        for (index, number) in [0.0, -0.1, 1e300, .infinity, 5].enumerated() {
            try await database.execute(
                "INSERT INTO contract_values (k, r) VALUES (\("r\(index)"), \(number))")
            try requireEqual(try await row("r\(index)").get("r", as: Double.self), number)
        }
        for (index, bytes) in [[], [0], [0, 255, 0], Array("naïve".utf8)].enumerated()
            as EnumeratedSequence<[[UInt8]]>
        {
            try await database.execute("INSERT INTO contract_values (k, b) VALUES (\("b\(index)"), \(bytes))")
            try requireEqual(try await row("b\(index)").get("b", as: [UInt8].self), bytes)
        }
        try await database.execute(
            "INSERT INTO contract_values (k, n, t) VALUES (\("time"), \(time), \(id)), (\("true"), \(true), \("")), (\("false"), \(false), \("🫖 Tea – naïve"))"
        )
        try requireEqual(try await row("time").get("n", as: Timestamp.self), time)
        try requireEqual(try await row("time").get("t", as: ID<Tag>.self), id)
        try requireEqual(try await row("true").get("n", as: Bool.self), true)
        try requireEqual(try await row("true").get("t", as: String.self), "")
        try requireEqual(try await row("false").get("n", as: Bool.self), false)
        try requireEqual(try await row("false").get("t", as: String.self), "🫖 Tea – naïve")
    }

    private static func injection(_ database: any Database) async throws {
        try await makeValues(database)
        let attempts = [
            "'", "''", "\"", "'; DROP TABLE contract_values; --", "\\", "\\'", "$1", "?", "?1", ":name", "%s",
            "x' OR '1'='1",
            "/*", "--", ";", "line\nline\r\n\ttab",
        ]
        for text in attempts {
            try await database.execute("INSERT INTO contract_values (k, t) VALUES (\(text), \(text))")
            let found: String? = try await database.scalar("SELECT t FROM contract_values WHERE k = \(text)")
            try requireEqual(found, text)
        }
        try requireEqual(try await database.scalar("SELECT count(*) FROM contract_values"), attempts.count)
    }

    private static func nulls(_ database: any Database) async throws {
        try await makeValues(database)
        let none: String? = nil
        try await database.execute(
            "INSERT INTO contract_values (k, n, r, t, b) VALUES ('k', \(Int?.none), \(Double?.none), \(none), \([UInt8]?.none))"
        )
        let row = try await database.first("SELECT * FROM contract_values")
        try requireEqual(try row?.get("n", as: Int?.self) ?? nil, nil)
        try requireEqual(try row?.get("t", as: String?.self) ?? nil, nil)
        try requireEqual(try row?.get("b", as: [UInt8]?.self) ?? nil, nil)
        try requireEqual(try row?.get("k", as: String?.self) ?? nil, "k")
        try requireEqual(try await reason { _ = try row?.get("n", as: Int.self) }, .decoding)
        try requireEqual(try await reason { _ = try row?.get("absent", as: Int?.self) }, .decoding)
        try requireEqual(try await database.scalar("SELECT t FROM contract_values", as: String.self), nil)
        try requireEqual(
            try await database.scalar("SELECT t FROM contract_values WHERE k = 'x'", as: String.self), nil)
    }

    private static func mismatch(_ database: any Database) async throws {
        try await makeValues(database)
        try await database.execute("INSERT INTO contract_values (k, n, t) VALUES ('k', 2, '7')")
        let row = try await database.first("SELECT * FROM contract_values")
        try requireEqual(try await reason { _ = try row?.get("t", as: Int.self) }, .decoding)
        try requireEqual(try await reason { _ = try row?.get("n", as: String.self) }, .decoding)
        try requireEqual(try await reason { _ = try row?.get("n", as: Bool.self) }, .decoding)
        try requireEqual(try await reason { _ = try row?.get("t", as: UserID.self) }, .decoding)
    }

    private static func lists(_ database: any Database) async throws {
        try await makeValues(database)
        let rows = (1...5).map { "(\("k\($0)"), \($0))" as SQL }.joined(separator: ", ")
        try await database.execute("INSERT INTO contract_values (k, n) VALUES \(sql: rows)")
        let found = try await database.query(
            "SELECT n FROM contract_values WHERE k IN (\(list: ["k2", "k4", "x"])) ORDER BY n")
        try requireEqual(try found.map { try $0.get("n", as: Int.self) }, [2, 4])
        let none = try await database.query("SELECT n FROM contract_values WHERE k IN (\(list: [String]()))")
        try requireEqual(none.count, 0)
    }

    private static func largeBlob(_ database: any Database) async throws {
        try await makeValues(database)
        let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await database.execute("INSERT INTO contract_values (k, b) VALUES ('k', \(bytes))")
        let found = try await database.scalar("SELECT b FROM contract_values", as: [UInt8].self)
        try require(found == bytes, "the blob differs")
    }

    private static func changeCounts(_ database: any Database) async throws {
        try await makeValues(database)
        let insert: SQL = "INSERT INTO contract_values (k, n) VALUES ('a', 1), ('b', 2), ('c', 3)"
        try requireEqual(try await database.execute(insert), 3)
        // A statement that changes no rows does not repeat the number of the one before.
        try requireEqual(try await database.execute("CREATE INDEX contract_n ON contract_values (n)"), 0)
        try requireEqual(try await database.execute("UPDATE contract_values SET n = n + 1 WHERE n > 1"), 2)
        try requireEqual(try await database.execute("UPDATE contract_values SET n = 0 WHERE k = 'x'"), 0)
        try requireEqual(
            try await database.execute("INSERT INTO contract_values (k) VALUES ('a') ON CONFLICT DO NOTHING"),
            0)
        try requireEqual(try await database.execute("DELETE FROM contract_values WHERE k = 'a'"), 1)
        let returned = try await database.transaction {
            try await $0.query("UPDATE contract_values SET n = n * 10 WHERE k = 'b' RETURNING n")
        }
        try requireEqual(try returned.map { try $0.get("n", as: Int.self) }, [30])
    }

    private static func syntax(_ database: any Database) async throws {
        try requireEqual(try await reason { _ = try await database.query("SELEC 1") }, .syntax)
        try requireEqual(try await reason { _ = try await database.query("SELECT * FROM absent") }, .syntax)
        try requireEqual(
            try await reason { try await database.execute("DELETE FROM a; DELETE FROM b") }, .syntax)
        try await database.ping()
    }

    private static func changedColumns(_ database: any Database) async throws {
        try await makeValues(database)
        try await database.execute("INSERT INTO contract_values (k) VALUES ('k')")
        _ = try await database.query("SELECT * FROM contract_values")
        try await database.execute("ALTER TABLE contract_values RENAME COLUMN t TO renamed")
        try await database.execute("ALTER TABLE contract_values ADD COLUMN added TEXT NOT NULL DEFAULT 'new'")
        let row = try await database.first("SELECT * FROM contract_values")
        try requireEqual(try row?.get("added", as: String.self), "new")
        try requireEqual(try row?.get("renamed", as: String?.self) ?? nil, nil)
    }
}
