import Foundation
import SoukDatabase
import SoukDatabasePostgres
import Synchronization
import Testing

/// Databases of tests on PostgreSQL: `SOUK_TEST_DATABASE=postgres` has ``TestDatabase/make(_:)`` make them, on the server
/// that ``PostgresTestServer`` names.
///
/// The migrations run once for each set of them, into a template that is copied for every test.
enum PostgresTestDatabases {
    private static let templates = Mutex<[String: Task<PostgresTestDatabase, any Error>]>([:])
    private static let slots = TestSlots(count: 16)

    static func make(sets: [(name: String, migrations: [Migration])]) async throws -> any Database {
        let slot = await slots.acquire()
        let template = sets.isEmpty ? nil : try await template(for: sets).name
        let database = try await PostgresTestServer.makeDatabase(template: template) { options in
            options.poolSize = 4
            // Races have many callers, and two cores.
            options.acquireTimeout = .seconds(30)
        }
        return SlottedDatabase(database, slot)
    }

    private static func template(
        for sets: [(name: String, migrations: [Migration])]
    ) async throws -> PostgresTestDatabase {
        let key = sets.map { set in
            set.name + set.migrations.map { $0.checksum(for: .postgres) }.joined()
        }.joined(separator: "/")
        let task = templates.withLock { templates in
            if let known = templates[key] { return known }
            let made = Task {
                let database = try await PostgresTestServer.makeDatabase { $0.poolSize = 1 }
                for set in sets { try await Migrator.migrate(database, set.migrations, set: set.name) }
                // Nobody may be connected to a template that is copied. It stays until the run is over.
                await database.close()
                return database
            }
            templates[key] = made
            return made
        }
        return try await task.value
    }
}

/// Bounds how many tests use databases at once, and with them the server's connections. A test that has one gets as many
/// as it wants: it would otherwise wait for others that wait for it.
private final class TestSlots: Sendable {
    private struct Waiter {
        let test: Test.ID?
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var free: Int
        /// For each test how many of its databases there are; together they hold one slot.
        var holders: [Test.ID: Int] = [:]
        var waiting: [Waiter] = []

        /// Whether the test may have a database now.
        mutating func admit(_ test: Test.ID?) -> Bool {
            if let test, let held = holders[test] {
                holders[test] = held + 1
                return true
            }
            guard free > 0 else { return false }
            free -= 1
            if let test { holders[test] = 1 }
            return true
        }

        mutating func takeAdmitted() -> [Waiter] {
            var admitted: [Waiter] = []
            var others: [Waiter] = []
            for waiter in waiting {
                if admit(waiter.test) { admitted.append(waiter) } else { others.append(waiter) }
            }
            waiting = others
            return admitted
        }
    }

    private let state: Mutex<State>

    init(count: Int) {
        state = Mutex(State(free: count))
    }

    func acquire() async -> Slot {
        let test = Test.current?.id
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.admit(test) { return true }
                state.waiting.append(Waiter(test: test, continuation: continuation))
                return false
            }
            if isFree { continuation.resume() }
        }
        return Slot(test, self)
    }

    private func release(_ test: Test.ID?) {
        let admitted = state.withLock { state in
            if let test, let held = state.holders[test], held > 1 {
                state.holders[test] = held - 1
            } else {
                if let test { state.holders[test] = nil }
                state.free += 1
            }
            return state.takeAdmitted()
        }
        for waiter in admitted { waiter.continuation.resume() }
    }

    final class Slot: Sendable {
        private let test: Test.ID?
        private let slots: TestSlots

        init(_ test: Test.ID?, _ slots: TestSlots) {
            self.test = test
            self.slots = slots
        }

        deinit { slots.release(test) }
    }
}

/// A database that gives its slot back when it is dropped.
private final class SlottedDatabase: Database {
    private let database: PostgresTestDatabase
    private let slot: TestSlots.Slot

    init(_ database: PostgresTestDatabase, _ slot: TestSlots.Slot) {
        self.database = database
        self.slot = slot
    }

    var dialect: Dialect { database.dialect }

    func query(_ sql: SQL) async throws(DatabaseError) -> [Row] {
        try await database.query(sql)
    }

    func execute(_ sql: SQL) async throws(DatabaseError) -> Int {
        try await database.execute(sql)
    }

    func transaction<T: Sendable>(
        isolation: Isolation, _ body: @Sendable (any Transaction) async throws -> T
    ) async throws -> T {
        try await database.transaction(isolation: isolation, body)
    }

    func snapshot<T: Sendable>(_ body: @Sendable (any SQLExecutor) async throws -> T) async throws -> T {
        try await database.snapshot(body)
    }

    func signals(on channel: String) -> AsyncStream<Void> {
        database.signals(on: channel)
    }

    func ping() async throws(DatabaseError) {
        try await database.ping()
    }

    func close() async {
        await database.close()
    }
}
