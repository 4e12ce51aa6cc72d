import SoukDatabase
import SoukDatabasePostgres
import SoukErrors
import SoukTesting
import Testing

/// Encrypted connections to a server with a certificate of an authority of its own.
@Suite(
    .timeLimit(.minutes(1)), .enabled(if: PostgresTestServer.isAvailable, "\(PostgresTestServer.hint)"))
struct PostgresTLSTests {
    private func open(_ url: String, host: String? = nil, _ parameters: String) throws -> PostgresDatabase {
        let url = host.map { url.replacing("127.0.0.1", with: $0) } ?? url
        return PostgresDatabase.open(try PostgresOptions(url: "\(url)?\(parameters)"))
    }

    private func isEncrypted(_ database: PostgresDatabase) async throws -> Bool? {
        try await database.scalar("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    }

    private func refusal(_ database: PostgresDatabase) async throws -> String? {
        let error = await #expect(throws: DatabaseError.self) { try await database.ping() }
        #expect(error?.reason == .connection && error?.kind == .unavailable)
        await database.close()
        return error?.detail
    }

    @Test func serversAreVerifiedAsAskedFor() async throws {
        let (server, other) = (try PrivatePostgresServer(tls: true), try PrivatePostgresServer(tls: true))
        let authority = "sslrootcert=\(server.authorityFile)"
        for (host, mode) in [
            ("127.0.0.1", "verify-full"), ("localhost", "verify-full"), ("localhost", "verify-ca"),
            ("127.0.0.1", "require"),
        ] {
            let database = try open(server.url, host: host, "sslmode=\(mode)&\(authority)")
            #expect(try await isEncrypted(database) == true, "\(mode) to \(host)")
            await database.close()
        }
        let wrongName = try open(
            server.url, host: "db.example", "hostaddr=127.0.0.1&sslmode=verify-full&\(authority)")
        #expect(try await refusal(wrongName)?.contains("does not match host name") == true)
        for mode in ["verify-ca", "verify-full"] {
            let stranger = try open(server.url, "sslmode=\(mode)&sslrootcert=\(other.authorityFile)")
            #expect(try await refusal(stranger)?.contains("certificate verify failed") == true)
        }
    }

    @Test func aServerWithoutEncryptionIsRefusedWhereItIsRequired() async throws {
        let server = try PrivatePostgresServer()
        let required = try open(server.url, "sslmode=require")
        #expect(try await refusal(required)?.contains("does not support SSL") == true)
        let preferred = try open(server.url, "sslmode=prefer")
        #expect(try await isEncrypted(preferred) == false)
        await preferred.close()
    }
}
