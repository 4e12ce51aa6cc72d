import SoukDatabase
import SoukTesting
import Testing

@testable import SoukAuth

@Suite struct AddressMigrationTests {
    /// Accounts of earlier versions keep their roles and sessions, and count as verified.
    @Test func accountsThatExistAreVerifiedAndLoseNothing() async throws {
        let database = try await TestDatabase.make()
        try await Migrator.migrate(
            database, AuthMigrations.all.filter { $0.version <= 4 }, set: AuthMigrations.set)
        try await database.execute(
            """
            INSERT INTO users (id, email, name, search_text, password_hash, active, version, created_at, updated_at)
            VALUES ('u', 'ann@example.com', 'Ann', 'ann', 'hash', 1, 3, 7, 8)
            """)
        try await database.execute("INSERT INTO user_roles (user_id, role) VALUES ('u', 'admin')")
        try await database.execute(
            "INSERT INTO sessions (id, user_id, created_at, expires_at) VALUES ('s', 'u', 7, 9)")
        try await database.execute(
            "INSERT INTO refresh_tokens (hash, session_id, generation, expires_at) VALUES ('t', 's', 1, 9)")
        try await Migrator.migrate(database, AuthMigrations.all, set: AuthMigrations.set)
        func count(_ sql: SQL) async throws -> Int { try await database.scalar(sql, as: Int.self) ?? 0 }
        #expect(
            try await count(
                "SELECT COUNT(*) FROM users WHERE id = 'u' AND email_verified_at = 7 AND version = 3") == 1)
        #expect(
            try await count(
                """
                SELECT COUNT(*) FROM users JOIN user_roles ON user_roles.user_id = users.id JOIN sessions ON sessions.user_id = users.id
                    JOIN refresh_tokens ON session_id = sessions.id
                """) == 1)
        // What refers to an account still goes with it.
        try await database.execute("DELETE FROM users")
        for table: SQL in ["user_roles", "sessions", "refresh_tokens"] {
            #expect(try await count("SELECT COUNT(*) FROM \(sql: table)") == 0)
        }
    }
}
