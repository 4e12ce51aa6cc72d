import SoukDatabase
import SoukDatabasePostgres
import SoukTesting
import Testing

@Suite(
    .timeLimit(.minutes(1)), .enabled(if: PostgresTestServer.isAvailable, "\(PostgresTestServer.hint)"))
struct PostgresValueTests {
    @Test func booleansAreBoundAndReadAsZeroAndOne() async throws {
        let database = try await PostgresTestServer.makeDatabase()
        try await database.execute("CREATE TABLE t (k BIGINT, active BOOLEAN NOT NULL)")
        try await database.execute("INSERT INTO t VALUES (1, \(true)), (2, \(false))")
        let row = try await database.first("SELECT k, active FROM t WHERE active = \(true)")
        #expect(try row?.get("k") == 1)
        #expect(try row?.get("active") == true)
        try await database.execute("UPDATE t SET active = \(false) WHERE k = \(1)")
        try #expect(await database.scalar("SELECT count(*) FROM t WHERE NOT active") == 2)
        let error = await #expect(throws: DatabaseError.self) {
            try await database.execute("UPDATE t SET active = \(2)")
        }
        #expect(error?.reason == .other)
    }

    @Test func sumsOfWholeNumbersAreIntegers() async throws {
        let database = try await PostgresTestServer.makeDatabase()
        try await database.execute("CREATE TABLE t (n BIGINT, d NUMERIC(12, 4))")
        try await database.execute("INSERT INTO t VALUES (\(Int64.max - 1), \(1)), (\(1), \(2.25))")
        try #expect(await database.scalar("SELECT sum(n) FROM t") == Int64.max)
        try #expect(await database.scalar("SELECT sum(d) FROM t") == 3.25)
        try #expect(await database.scalar("SELECT avg(n) FROM t WHERE n = 1") == 1)
        try await database.execute("INSERT INTO t VALUES (1, 0)")
        let error = await #expect(throws: DatabaseError.self) {
            try await database.query("SELECT sum(n) AS s FROM t")
        }
        #expect(error?.reason == .decoding)
        #expect(error?.detail?.contains("column s") == true)
    }

    @Test func otherTypesTravelAsTextsOrSaySo() async throws {
        let database = try await PostgresTestServer.makeDatabase()
        try await database.execute(
            "CREATE TABLE t (u UUID, s SMALLINT, i INTEGER, f REAL, v VARCHAR(9), j JSONB, w TIMESTAMPTZ, b BYTEA)"
        )
        let id = "0197f3a2-0000-7000-8000-00000000abcd"
        try await database.execute(
            """
            INSERT INTO t VALUES (\(id), \(7), \(-8), \(0.5), \("v"), \("{\"a\": 1}"), \("2026-01-02T03:04:05Z"), \([UInt8]()))
            """)
        let row = try await database.first(
            "SELECT u, s, i, f, v, j, b, w::text FROM t WHERE u = \(id) AND s = \(7)")
        #expect(
            row?.values == [
                .text(id), .integer(7), .integer(-8), .real(0.5), .text("v"), .text("{\"a\": 1}"), .blob([]),
                .text("2026-01-02 03:04:05+00"),
            ])
        let error = await #expect(throws: DatabaseError.self) { try await database.query("SELECT w FROM t") }
        #expect(error?.reason == .decoding)
        #expect(error?.detail?.contains("timestamptz") == true)
    }

    @Test func valuesThatCannotBeStoredAreRefused() async throws {
        let database = try await PostgresTestServer.makeDatabase()
        try await database.execute("CREATE TABLE t (s TEXT, r DOUBLE PRECISION, b BYTEA, n BIGINT)")
        let statements: [SQL] = [
            "INSERT INTO t (s) VALUES (\("before\0after"))", "INSERT INTO t (r) VALUES (\(Double.nan))",
            "INSERT INTO t (b) VALUES (\("text"))", "INSERT INTO t (s) VALUES (\([1, 2] as [UInt8]))",
            "INSERT INTO t (n) VALUES (\("confidential"))",
        ]
        for statement in statements {
            let error = await #expect(throws: DatabaseError.self) { try await database.execute(statement) }
            #expect(error?.reason == .other)
            #expect(error.map { "\($0)".contains("confidential") || "\($0)".contains("after") } == false)
            #expect(error?.detail?.contains("INSERT INTO t") == true)
        }
        try #expect(await database.scalar("SELECT count(*) FROM t") == 0)
    }

    @Test func errorsShowNoValues() async throws {
        let database = try await PostgresTestServer.makeDatabase()
        try await database.execute("CREATE TABLE t (s TEXT PRIMARY KEY, n BIGINT NOT NULL CHECK (n > 0))")
        try await database.execute("INSERT INTO t VALUES (\("confidential"), 1)")
        let statements: [SQL] = [
            "INSERT INTO t VALUES (\("confidential"), 1)", "INSERT INTO t VALUES (\("confidential "), 0)",
            "INSERT INTO t VALUES (\("confidential "), NULL)",
            "SELECT CAST(CAST(\("confidential") AS TEXT) AS BIGINT)",
        ]
        for statement in statements {
            let error = await #expect(throws: DatabaseError.self) { try await database.execute(statement) }
            #expect(error.map { "\($0)".contains("confidential") } == false)
        }
    }

    /// Others change the tables, or the server forgets the statements: the connection prepares them anew.
    @Test func staleStatementsArePreparedAnew() async throws {
        let database = try await PostgresTestServer.makeDatabase { $0.poolSize = 1 }
        try await database.execute("CREATE TABLE t (n BIGINT, s TEXT)")
        try await database.execute("INSERT INTO t VALUES (\(1), \("a"))")
        let all = { try await database.query("SELECT * FROM t WHERE n = \(1)") }
        #expect(try await all().first?.values == [.integer(1), .text("a")])
        try await database.execute("ALTER TABLE t ADD COLUMN more BOOLEAN NOT NULL DEFAULT true")
        #expect(try await all().first?.values == [.integer(1), .text("a"), .integer(1)])
        try await database.execute("ALTER TABLE t DROP COLUMN s")
        let inside = try await database.transaction { try await $0.query("SELECT * FROM t WHERE n = \(1)") }
        #expect(inside.first?.values == [.integer(1), .integer(1)])
        try await database.execute("DEALLOCATE ALL")
        #expect(try await all().count == 1)
        try await database.execute("DEALLOCATE ALL")
        #expect(
            try await database.transaction { try await $0.query("SELECT * FROM t WHERE n = \(1)") }.count == 1
        )
    }

    @Test func theServerKeepsNoMoreStatementsThanTheCache() async throws {
        let database = try await PostgresTestServer.makeDatabase {
            $0.poolSize = 1
            $0.statementCacheSize = 3
        }
        for number in 0..<20 {
            try #expect(
                await database.scalar(SQL(raw: "SELECT \(number) + ") + "CAST(\(1) AS BIGINT)") == number + 1)
        }
        // The one that gave way for this one goes after it.
        let kept: Int? = try await database.scalar(
            "SELECT count(*) FROM pg_prepared_statements WHERE name NOT LIKE 'souk_control_%'")
        #expect(kept.map { $0 <= 5 } == true)
    }
}
