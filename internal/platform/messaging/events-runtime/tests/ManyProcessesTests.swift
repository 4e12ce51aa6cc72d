import SoukBroker
import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukTesting
import SoukTime
import Testing

@testable import SoukEventsRuntime

/// Several processes of one service over one database.
@Suite(.timeLimit(.minutes(1)))
struct ManyProcessesTests {
    private static let onPostgres: ConditionTrait = .enabled(
        if: TestDatabase.dialect == .postgres, "a SQLite database has one process")

    @Test(onPostgres) func `two relays publish everything, in order within each key`() async throws {
        var options = EventRuntimeOptions.quick
        options.relayBatch = 7
        let fixture = try await EventsFixture(options: options)
        let other = EventRuntime(
            service: "shop", database: fixture.shopDatabase, broker: fixture.broker, clock: SystemClock(),
            options: options)
        let probe = Probe<Counted>()
        // Confirmations that are lost have events published again, by either relay.
        fixture.broker.fail(.confirmationLost, times: 20)
        let services =
            fixture.shop.services(handlers: []) + other.services(handlers: [])
            + fixture.ledger.services(handlers: [fixture.counting(probe)])
        try await fixture.running(services) {
            try await withThrowingTaskGroup(of: Void.self) { writers in
                for writer in 0..<20 {
                    writers.addTask {
                        for number in 0..<25 {
                            try await fixture.publish([
                                Counted(tallyId: "k\(writer)", number: number),
                                Counted(tallyId: "shared", number: writer * 25 + number),
                            ])
                        }
                    }
                }
                try await writers.waitForAll()
            }
            await probe.wait(for: 1_000)
        }
        var effects = try await fixture.effects()
        #expect(effects.removeValue(forKey: "shared")?.count == 500)
        #expect(effects.count == 20)
        for (_, numbers) in effects { #expect(numbers == Array(0..<25)) }
        #expect(try await fixture.shop.outboxDepth() == 0)
        let leased: Int? = try await fixture.shopDatabase.scalar(
            "SELECT count(*) FROM outbox_lanes WHERE owner IS NOT NULL")
        #expect(leased == 0)
    }

    /// Ids are handed out before the commit: without the key's lock the second event would be published first.
    @Test(onPostgres) func `an event waits for an earlier one of its key that is not committed`() async throws
    {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let appended = Probe<Bool>()
        let release = Probe<Bool>()
        try await fixture.running([fixture.counting(probe)]) {
            try await withThrowingTaskGroup(of: Void.self) { writers in
                writers.addTask {
                    try await fixture.shopDatabase.transaction { transaction in
                        try await fixture.shop.outbox.append(
                            Counted(tallyId: "a", number: 1), in: transaction)
                        appended.record(true)
                        await release.wait(for: 1)
                    }
                }
                await appended.wait(for: 1)
                let second = Probe<Bool>()
                writers.addTask {
                    defer { second.record(true) }
                    try await fixture.publish([Counted(tallyId: "a", number: 2)])
                }
                // Until it waits for the lock, or has not waited.
                while second.all.isEmpty {
                    let waiting: Int? = try await fixture.shopDatabase.scalar(
                        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                    if waiting == 1 { break }
                }
                try await fixture.publish([Counted(tallyId: "b", number: 3)])
                release.record(true)
                try await writers.waitForAll()
            }
            await probe.wait(for: 3)
        }
        #expect(try await fixture.effects() == ["a": [1, 2], "b": [3]])
    }

    @Test(onPostgres) func `a dead relay's lanes are taken when their lease is over`() async throws {
        let fixture = try await EventsFixture()
        let store = EventStore(service: "shop", database: fixture.shopDatabase)
        try await fixture.publish((0..<40).map { Counted(tallyId: "k\($0)", number: $0) })
        let first = try await store.claimLanes(by: "first", for: .seconds(60))
        #expect(first.count == EventStore.laneCount / 2)
        let second = try await store.claimLanes(by: "second", for: .zero)
        #expect(!second.isEmpty && Set(second).isDisjoint(with: first))
        #expect(try await Set(store.claimLanes(by: "third", for: .seconds(60))) == Set(second))
        #expect(try await store.claimLanes(by: "fourth", for: .seconds(60)).isEmpty)
        #expect(try await Set(store.claimLanes(by: "first", for: .seconds(60))) == Set(first))
        try await store.releaseLanes(of: "first")
        #expect(try await Set(store.claimLanes(by: "fourth", for: .seconds(60))) == Set(first))
    }

    @Test(onPostgres) func `a commit of one process wakes the relay of another`() async throws {
        // No time passes: only the signal can have woken it.
        let fixture = try await EventsFixture(clock: ManualClock())
        let other = EventRuntime(
            service: "shop", database: fixture.shopDatabase, broker: fixture.broker, clock: ManualClock())
        let probe = Probe<Counted>()
        try await fixture.running([fixture.counting(probe)]) {
            for number in 0..<10 {
                try await fixture.shopDatabase.transaction {
                    try await other.outbox.append(Counted(tallyId: "a", number: number), in: $0)
                }
                await probe.wait(for: number + 1)
            }
        }
    }

    @Test(onPostgres) func `a redrive asked of one process wakes the consumer of another`() async throws {
        let fixture = try await EventsFixture(clock: ManualClock())
        let other = EventRuntime(
            service: "ledger", database: fixture.ledgerDatabase, broker: fixture.broker, clock: ManualClock())
        let probe = Probe<Counted>()
        let isBroken = Switch(true)
        let handler = fixture.counting(probe) { _, _ in
            if isBroken.isOn { throw ServiceError(.conflict, code: "tally.closed", message: "Closed.") }
        }
        try await fixture.running([handler]) {
            try await fixture.publish([Counted(tallyId: "a", number: 1)])
            let letter = try await fixture.firstDeadLetter()
            isBroken.turn(on: false)
            #expect(try await other.administration.redrive(id: letter.id, .background("test")))
            await probe.wait(for: 1)
        }
        #expect(try await fixture.effects() == ["a": [1]])
    }

    @Test(arguments: Isolation.allCases)
    func `of many that process an event at once, one has the effect`(isolation: Isolation) async throws {
        let fixture = try await EventsFixture()
        let store = EventStore(service: "ledger", database: fixture.ledgerDatabase)
        let effects = try await withThrowingTaskGroup(of: Bool.self) { consumers in
            for _ in 0..<20 {
                consumers.addTask {
                    try await fixture.ledgerDatabase.transaction(isolation: isolation) { transaction in
                        try await store.takeTurn(topic: "tallies", key: "a", in: transaction)
                        guard
                            try await store.recordInInbox(
                                "event", at: SystemClock().now(), in: transaction)
                        else { return false }
                        try await transaction.execute(
                            "INSERT INTO effects (key, number, event_id) VALUES ('a', 1, 'event')")
                        return true
                    }
                }
            }
            return try await consumers.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(effects == 1)
        #expect(try await fixture.effects() == ["a": [1]])
    }
}

extension EventRuntime {
    fileprivate func outboxDepth() async throws -> Int {
        try await administration.summary(.background("test")).outboxDepth
    }
}
