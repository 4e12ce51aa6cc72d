import Logging
import ServiceLifecycle
import SoukBroker
import SoukBrokerEmbedded
import SoukCallContext
import SoukCloudEvents
import SoukDatabase
import SoukPagination
import SoukTesting
import SoukTime

@testable import SoukEventsRuntime

struct Counted: Event, Equatable {
    static let type = "tally.counted.v1"
    static let topic = "tallies"
    var tallyId: String
    var number: Int

    var key: String { tallyId }
}

struct Renamed: Event, Equatable {
    static let type = "tally.renamed.v1"
    static let topic = "tallies"
    var tallyId: String
    var name: String

    var key: String { tallyId }
}

/// A service that publishes (`shop`), one that consumes (`ledger`), a database for each, and a broker between
/// them.
final class EventsFixture: Sendable {
    let folder: TemporaryFolder
    let broker: FaultyBroker
    let shopDatabase: any Database
    let ledgerDatabase: FaultyDatabase
    let shop: EventRuntime
    let ledger: EventRuntime

    private static let effects = Migration(
        1, "effects",
        portable: [
            """
            CREATE TABLE effects (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, number INTEGER NOT NULL,
                event_id TEXT NOT NULL
            ) STRICT
            """
        ])

    init(
        clock: any WallClock = SystemClock(), options: EventRuntimeOptions = .quick,
        broker other: (any Broker)? = nil
    ) async throws {
        folder = try TemporaryFolder()
        let own = folder.path("broker.db")
        broker = FaultyBroker(
            try await { if let other { other } else { try await EmbeddedBroker.open(path: own) } }())
        shopDatabase = try await TestDatabase.make(sets: ["events": EventRuntime.migrations])
        ledgerDatabase = FaultyDatabase(
            try await TestDatabase.make(sets: ["events": EventRuntime.migrations, "ledger": [Self.effects]]))
        shop = EventRuntime(
            service: "shop", database: shopDatabase, broker: broker, clock: clock, options: options)
        ledger = EventRuntime(
            service: "ledger", database: ledgerDatabase, broker: broker, clock: clock, options: options)
    }

    /// Runs relay and consumer while the body runs, then stops them gracefully.
    func running(_ handlers: [EventHandler], _ body: () async throws -> Void) async throws {
        try await running(shop.services(handlers: []) + ledger.services(handlers: handlers), body)
    }

    func running(_ services: [any Service], _ body: () async throws -> Void) async throws {
        let group = ServiceGroup(
            configuration: .init(services: services, logger: Logger(label: "test")))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            do {
                try await body()
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    /// Appends events in one transaction of the shop.
    func publish(_ events: [any Event]) async throws {
        try await shopDatabase.transaction { [shop] transaction in
            for event in events { try await shop.outbox.append(event, in: transaction) }
        }
    }

    /// Counts into the ledger's table; the probe hears of it after the commit.
    func counting(
        _ probe: Probe<Counted>,
        failing: @escaping @Sendable (Counted, EventContext) throws -> Void = { _, _ in }
    ) -> EventHandler {
        .on(Counted.self, isolation: .readCommitted, sharesTransaction: true) { event, context, transaction in
            try await transaction.execute(
                """
                INSERT INTO effects (key, number, event_id)
                VALUES (\(event.tallyId), \(event.number), \(context.eventID))
                """)
            try failing(event, context)
            transaction.afterCommit { probe.record(event) }
        }
    }

    /// What the handlers wrote, by key in the order of writing.
    func effects() async throws -> [String: [Int]] {
        var effects: [String: [Int]] = [:]
        for row in try await ledgerDatabase.query("SELECT key, number FROM effects ORDER BY sequence") {
            effects[try row.get("key"), default: []].append(try row.get("number"))
        }
        return effects
    }

    func deadLetters() async throws -> [DeadLetter] {
        try await ledger.administration.deadLetters(.init(), .test).items
    }
}

extension EventRuntimeOptions {
    /// Retries within milliseconds.
    static var quick: EventRuntimeOptions {
        EventRuntimeOptions(
            retry: RetryPolicy(
                maximumAttempts: 4, initialDelay: .milliseconds(1), maximumDelay: .milliseconds(5)),
            reconnect: RetryPolicy(initialDelay: .milliseconds(1), maximumDelay: .milliseconds(5)),
            pollInterval: .milliseconds(20))
    }
}

extension CallContext {
    static var test: CallContext { .background("test") }
}
