import Foundation
import SoukDatabase
import SoukDatabasePostgres
import SoukErrors
import SoukTesting
import Testing

@Suite(
    .timeLimit(.minutes(2)), .enabled(if: PostgresTestServer.isAvailable, "\(PostgresTestServer.hint)"))
struct PostgresFailureTests {
    /// Tries until it succeeds, for as long as a server takes to come back.
    private func eventually<T>(_ body: () async throws -> T) async throws -> T {
        for _ in 0..<400 {
            if let value = try? await body() { return value }
            try await Task.sleep(for: .milliseconds(25))
        }
        return try await body()
    }

    @Test func recoversFromACrashOfTheServer() async throws {
        let server = try PrivatePostgresServer()
        let database = PostgresDatabase.open(try PostgresOptions(url: server.url))
        try await database.execute("CREATE TABLE t (n BIGINT)")
        var signals = database.signals(on: "outbox").makeAsyncIterator()
        _ = await signals.next()
        let isRunning = TestSignal()
        let inFlight = Task {
            try await database.transaction { transaction in
                try await transaction.execute("INSERT INTO t VALUES (1)")
                isRunning.fire()
                _ = try await transaction.query("SELECT pg_sleep(30)")
            }
        }
        let idle = Task {
            try await database.transaction { transaction in
                try await transaction.execute("INSERT INTO t VALUES (2)")
                await isRunning.wait()
                // By the time it goes on the server is gone.
                while (try? await Task.detached { try await database.ping() }.value) != nil {}
            }
        }
        await isRunning.wait()
        try server.kill()
        let error = await #expect(throws: DatabaseError.self) { try await inFlight.value }
        #expect(error?.reason == .connection)
        let commit = await #expect(throws: DatabaseError.self) { try await idle.value }
        #expect(commit?.reason == .connection)
        let away = await #expect(throws: DatabaseError.self) { try await database.ping() }
        #expect(away?.reason == .connection && away?.kind == .unavailable)

        try server.start()
        try await eventually { try await database.ping() }
        try #expect(await database.scalar("SELECT count(*) FROM t") == 0)
        await signals.next()
        try await database.execute("NOTIFY outbox")
        await signals.next()
        await database.close()
        let end: Void? = await signals.next()
        #expect(end == nil)
    }

    @Test func opensWithoutAServerAndFindsItLater() async throws {
        let server = try PrivatePostgresServer()
        try server.kill()
        let database = PostgresDatabase.open(try PostgresOptions(url: server.url))
        let signals = database.signals(on: "outbox")
        for _ in 0..<3 {
            let start = ContinuousClock.now
            let error = await #expect(throws: DatabaseError.self) { try await database.ping() }
            #expect(error?.reason == .connection)
            #expect(ContinuousClock.now - start < .seconds(2))
        }
        try server.start()
        try await eventually { try await database.ping() }
        for await _ in signals { break }
        await database.close()
    }

    /// Whoever broke the connection while COMMIT ran: the transaction may be committed, so it is never run again.
    @Test func aLostCommitIsOfUnknownOutcome() async throws {
        let database = try await PostgresTestServer.makeDatabase()
        try await database.execute("CREATE TABLE t (n BIGINT)")
        try await database.execute(
            """
            CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(30); RETURN NULL; END $$
            """)
        try await database.execute(
            """
            CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION end_session()
            """)
        let error = await #expect(throws: DatabaseError.self) {
            try await database.transaction { try await $0.execute("INSERT INTO t VALUES (1)") }
        }
        #expect(error?.reason == .connection)
        #expect(error?.detail?.contains("not known") == true)
        let single = await #expect(throws: DatabaseError.self) {
            try await database.execute("INSERT INTO t VALUES (1)")
        }
        #expect(single?.reason == .connection)
        #expect(single?.detail?.contains("not known") == true)
        try await database.ping()
    }

    @Test func sessionsThatAreTerminatedAreReplaced() async throws {
        let database = try await PostgresTestServer.makeDatabase { $0.poolSize = 2 }
        var signals = database.signals(on: "outbox").makeAsyncIterator()
        await signals.next()
        for _ in 0..<5 {
            let terminated = try await database.query(
                """
                SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                """)
            #expect(!terminated.isEmpty)
            // The listener is back, and says that it may have missed something.
            await signals.next()
            try await database.transaction { _ = try await $0.query("SELECT 1") }
        }
        let own = await #expect(throws: DatabaseError.self) {
            try await database.query("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(30)")
        }
        #expect(own?.reason == .connection)
        try await database.ping()
    }

    @Test func signalsComeFromOtherSessionsAndChannelsKeepApart() async throws {
        let database = try await PostgresTestServer.makeDatabase()
        var first = database.signals(on: "orders_outbox").makeAsyncIterator()
        var second = database.signals(on: "payments_outbox").makeAsyncIterator()
        await first.next()
        await second.next()
        try await database.transaction { transaction in
            try await transaction.execute("NOTIFY orders_outbox")
            try await transaction.execute("NOTIFY orders_outbox")
        }
        await first.next()
        try await database.execute("NOTIFY payments_outbox")
        await second.next()
        var late = database.signals(on: "orders_outbox").makeAsyncIterator()
        await late.next()
        await database.close()
        let ends: [Void?] = [await first.next(), await second.next()]
        #expect(ends.allSatisfy { $0 == nil })
        for await _ in database.signals(on: "orders_outbox") {
            Issue.record("a closed database has no signals")
        }
    }

    /// What is wanted of the listener may change while it waits for the server to answer.
    @Test func theListenerMissesNothingWhileTheServerIsSlow() async throws {
        let watcher = try await PostgresTestServer.makeDatabase()
        var options = try PostgresOptions(url: PostgresTestServer.url ?? "")
        options.applicationName = "slow"
        let database = PostgresDatabase.open(options)
        func listening(on channel: String) async -> Task<Void, Never> {
            let isHeard = TestSignal()
            let task = Task { for await _ in database.signals(on: channel) { isHeard.fire() } }
            await isHeard.wait()
            return task
        }
        let first = await listening(on: "first")
        let second = await listening(on: "second")
        let session = try #require(
            try await watcher.scalar(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'slow listener'", as: Int.self))

        // By the time of the second change the server has been told of the first, and gives no answer.
        let pause = Duration.milliseconds(100)
        var start = ContinuousClock.now
        var third = try await Self.whileStopped(pid_t(session)) {
            first.cancel()
            await first.value
            try await Task.sleep(for: pause)
            return database.signals(on: "third").makeAsyncIterator()
        }
        await third.next()
        #expect(ContinuousClock.now - start < .seconds(10))

        start = .now
        let end = try await Self.whileStopped(pid_t(session)) {
            second.cancel()
            await second.value
            try await Task.sleep(for: pause)
            let end = Task { await database.close() }
            // It has begun as soon as the streams have ended.
            while await third.next() != nil {}
            return end
        }
        await end.value
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    /// Stops the server's process of a session meanwhile.
    private static func whileStopped<T>(_ session: pid_t, _ body: () async throws -> T) async throws -> T {
        try #require(kill(session, SIGSTOP) == 0)
        defer { kill(session, SIGCONT) }
        return try await body()
    }

    @Test func thePoolIsBounded() async throws {
        let database = try await PostgresTestServer.makeDatabase {
            $0.poolSize = 2
            $0.waiterLimit = 1
            $0.acquireTimeout = .milliseconds(50)
        }
        let mayEnd = TestSignal()
        let areIn = [TestSignal(), TestSignal()]
        let holders = areIn.map { isIn in
            Task {
                try await database.transaction { transaction in
                    _ = try await transaction.query("SELECT 1")
                    isIn.fire()
                    await mayEnd.wait()
                }
            }
        }
        for isIn in areIn { await isIn.wait() }
        let details = await withTaskGroup { group in
            for _ in 0..<3 {
                group.addTask {
                    do {
                        try await database.ping()
                        return "it went through"
                    } catch {
                        return "\(error)"
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(details.allSatisfy { $0.hasPrefix("database.busy") })
        #expect(details.contains { $0.contains("too many calls wait") })
        #expect(details.contains { $0.contains("waited") })
        mayEnd.fire()
        for holder in holders { try await holder.value }
        try await database.ping()
    }

    @Test func anIdleConnectionIsClosedAndAnOldOneReplaced() async throws {
        let watcher = try await PostgresTestServer.makeDatabase()
        for isOld in [false, true] {
            var options = try PostgresOptions(url: PostgresTestServer.url ?? "")
            options.applicationName = "watched_\(isOld)"
            options.poolSize = 1
            options.healthCheckInterval = .milliseconds(20)
            if isOld { options.maximumLifetime = .zero } else { options.idleTimeout = .milliseconds(60) }
            let database = PostgresDatabase.open(options)
            let session: Int? = try await database.scalar("SELECT pg_backend_pid()")
            if !isOld {
                try await eventually {
                    let sessions: Int? = try await watcher.scalar(
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = \(options.applicationName)"
                    )
                    if sessions != 0 { throw DatabaseError(.busy) }
                }
            }
            try #expect(await database.scalar("SELECT pg_backend_pid()") != session)
            await database.close()
        }
    }

    @Test func passwordsComeFromTheOptionTheURLOrAFile() async throws {
        let server = try PrivatePostgresServer(password: "s3cret phrase")
        let folder = try TemporaryFolder()
        let file = folder.path("passwords")
        _ = FileManager.default.createFile(
            atPath: file, contents: Data("127.0.0.1:*:*:souk:s3cret phrase\n".utf8),
            attributes: [.posixPermissions: 0o600])
        var given = try PostgresOptions(url: server.url)
        given.password = "s3cret phrase"
        let inURL = try PostgresOptions(
            url: server.url.replacing("souk@", with: "souk:s3cret%20phrase@"))
        let fromFile = try PostgresOptions(url: server.url + "?passfile=\(file)&sslmode=prefer")
        for options in [given, inURL, fromFile] {
            let database = PostgresDatabase.open(options)
            try await database.ping()
            await database.close()
        }
        var wrong = given
        wrong.password = "wr0ng phrase"
        let database = PostgresDatabase.open(wrong)
        let error = await #expect(throws: DatabaseError.self) { try await database.ping() }
        #expect(error?.reason == .connection)
        #expect(error?.detail?.contains("password authentication failed") == true)
        #expect(error.map { "\($0)".contains("phrase") } == false)
        await database.close()
    }

    @Test func theNextHostIsTriedWhereOneIsDead() async throws {
        let url = try #require(PostgresTestServer.url)
        // Port 1 of loopback refuses; the URL's own host comes second.
        let hosts = url.replacing("@", with: "@127.0.0.1:1,") + "?target_session_attrs=read-write"
        let database = PostgresDatabase.open(try PostgresOptions(url: hosts))
        try await database.ping()
        await database.close()
    }

    @Test func twoPoolsMigrateAtOnce() async throws {
        let one = try await PostgresTestServer.makeDatabase()
        let url = try #require(PostgresTestServer.url)
        let other = PostgresDatabase.open(
            try PostgresOptions(url: String(url[...(url.lastIndex(of: "/") ?? url.startIndex)]) + one.name))
        let migrations = (1...5).map { Migration($0, "step", ["CREATE TABLE t\($0) (n BIGINT)"]) }
        async let first: Void = Migrator.migrate(one, migrations, set: "s")
        try await Migrator.migrate(other, migrations, set: "s")
        try await first
        try #expect(await one.scalar("SELECT count(*) FROM schema_migrations") == 5)
        await other.close()
    }

    @Test func aDroppedDatabaseLetsGoOfItsConnections() async throws {
        let watcher = try await PostgresTestServer.makeDatabase()
        do {
            var options = try PostgresOptions(url: PostgresTestServer.url ?? "")
            options.applicationName = "dropped"
            let database = PostgresDatabase.open(options)
            try await database.ping()
            _ = database.signals(on: "outbox")
        }
        try await eventually {
            let sessions: Int? = try await watcher.scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dropped%'")
            if sessions != 0 { throw DatabaseError(.busy) }
        }
    }
}
