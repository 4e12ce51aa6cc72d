import ArgumentParser
import Logging
import ServiceLifecycle
import SoukBrokerRabbitMQ
import SoukCloudEvents
import SoukDatabase
import SoukDatabasePostgres
import SoukEventsRuntime
import SoukTime
import Synchronization

/// Events from a commit in one service's database to a handler's commit in another's, over RabbitMQ.
struct EventsBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Outbox, broker and inbox end to end, on PostgreSQL and RabbitMQ.")

    @Option(help: "The publishing service's database.") var publisherURL: String
    @Option(help: "The consuming service's database.") var consumerURL: String
    @Option(help: "File that holds the password of both.") var databasePasswordFile: String
    @Option(help: "The broker.") var brokerURL: String
    @Option(help: "File that holds its password.") var brokerPasswordFile: String
    @Option(help: "Events one by one, for the latency.") var single = 100
    @Option(help: "Events that wait in the outbox, for the rate.") var backlog = 5_000

    func run() async throws {
        let password = try ServerOptions.read(databasePasswordFile)
        let publisher = try await database(publisherURL, password, sets: ["events": EventRuntime.migrations])
        let consumer = try await database(
            consumerURL, password, sets: ["events": EventRuntime.migrations, "bench": [Self.effects]])
        var options = try RabbitMQOptions(url: brokerURL)
        options.password = try ServerOptions.read(brokerPasswordFile)
        options.groups = ["bench-consumer": [Happened.topic]]
        let broker = try RabbitMQBroker.open(options)
        let loop = EventsLoop(
            publisher: publisher,
            source: EventRuntime(
                service: "bench-publisher", database: publisher, broker: broker, clock: SystemClock()),
            sink: EventRuntime(
                service: "bench-consumer", database: consumer, broker: broker, clock: SystemClock()))
        try await loop.drain(backlog).report()
        try await loop.oneByOne(single).report()
        await broker.close()
        await publisher.close()
        await consumer.close()
    }

    private func database(
        _ url: String, _ password: String, sets: [String: [Migration]]
    ) async throws -> PostgresDatabase {
        var options = try PostgresOptions(url: url)
        options.password = password
        let database = PostgresDatabase.open(options)
        for (set, migrations) in sets.sorted(by: { $0.key < $1.key }) {
            try await Migrator.migrate(database, migrations, set: set)
        }
        return database
    }

    private static let effects = Migration(
        1, "effects",
        portable: [
            """
            CREATE TABLE effects (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, number INTEGER NOT NULL
            ) STRICT
            """
        ])
}

/// Something that a service makes known.
private struct Happened: Event {
    static let type = "bench.happened.v1"
    static let topic = "benches"
    let benchId: String
    let number: Int

    var key: String { benchId }
}

/// Two services with a broker between them.
private struct EventsLoop {
    private static let perTransaction = 100
    private static let keys = 500

    let publisher: PostgresDatabase
    let source: EventRuntime
    let sink: EventRuntime

    /// Events that were committed before relay and consumer start; the time ends with the last handler's commit.
    func drain(_ count: Int) async throws -> Measurement {
        let progress = Progress(expected: count)
        for first in stride(from: 0, to: count, by: Self.perTransaction) {
            try await publisher.transaction(isolation: .readCommitted) { transaction in
                for number in first..<min(first + Self.perTransaction, count) {
                    try await source.outbox.append(
                        Happened(benchId: "bench-\(number % Self.keys)", number: number), in: transaction)
                }
            }
        }
        let meter = Meter()
        return try await running(progress) {
            await progress.wait()
            return meter.measurement("drain", operations: count)
        }
    }

    /// Events one after the other, each from its commit to its handler's commit, with nothing else to do.
    func oneByOne(_ count: Int) async throws -> Measurement {
        // The first one waits for the consumer to join.
        let progress = Progress(expected: count + 1)
        return try await running(progress) {
            var meter = Meter()
            for number in 0...count {
                if number == 1 { meter = Meter() }
                try await publisher.transaction(isolation: .readCommitted) { transaction in
                    try await source.outbox.append(
                        Happened(benchId: "bench-\(number)", number: number), in: transaction)
                    transaction.afterCommit { progress.committed(number) }
                }
                await progress.waitForHandled(number + 1)
                // So that the next one finds an idle system: relay and consumer have settled the last.
                try await Task.sleep(for: .milliseconds(5))
            }
            return meter.measurement("latency", operations: count, latencies: progress.latencies(from: 1))
        }
    }

    /// Runs relay and consumer while the body runs.
    private func running<R: Sendable>(
        _ progress: Progress, _ body: () async throws -> R
    ) async throws -> R {
        let handler = EventHandler.on(
            Happened.self, isolation: .readCommitted, sharesTransaction: true
        ) { event, _, transaction in
            try await transaction.execute(
                "INSERT INTO effects (key, number) VALUES (\(event.benchId), \(event.number))")
            transaction.afterCommit { progress.handled(event.number) }
        }
        let group = ServiceGroup(
            configuration: .init(
                services: source.services(handlers: []) + sink.services(handlers: [handler]),
                logger: Logger(label: "souk-bench")))
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let result = try await body()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return result
        }
    }
}

/// Which events were committed and handled, and when.
private final class Progress: Sendable {
    private struct State {
        var committed: [Int: ContinuousClock.Instant] = [:]
        var handled: [Int: ContinuousClock.Instant] = [:]
        var waiter: (count: Int, continuation: CheckedContinuation<Void, Never>)?
    }

    private let expected: Int
    private let state = Mutex(State())

    init(expected: Int) {
        self.expected = expected
    }

    func committed(_ number: Int) {
        state.withLock { $0.committed[number] = .now }
    }

    func handled(_ number: Int) {
        let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
            state.handled[number] = .now
            guard let waiter = state.waiter, state.handled.count >= waiter.count else { return nil }
            state.waiter = nil
            return waiter.continuation
        }
        waiter?.resume()
    }

    /// Until all are handled.
    func wait() async { await waitForHandled(expected) }

    /// Until so many are handled; one task waits at a time.
    func waitForHandled(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                guard state.handled.count < count else { return true }
                state.waiter = (count, continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    func latencies(from first: Int) -> [Duration] {
        state.withLock { state in
            state.handled.compactMap { number, handled in
                guard number >= first, let committed = state.committed[number] else { return nil }
                return handled - committed
            }
        }
    }
}
