import SoukBroker
import SoukCloudEvents
import SoukDatabase
import SoukErrors
import SoukObservability
import SoukTesting
import Testing

@testable import SoukEventsRuntime

private struct Rollback: Error {}

@Suite(.timeLimit(.minutes(1)))
struct OutboxTests {
    @Test func `a rolled back transaction publishes nothing`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        try await fixture.running([fixture.counting(probe)]) {
            await #expect(throws: Rollback.self) {
                try await fixture.shopDatabase.transaction { [shop = fixture.shop] transaction in
                    try await shop.outbox.append(Counted(tallyId: "a", number: 1), in: transaction)
                    throw Rollback()
                }
            }
            try await fixture.publish([Counted(tallyId: "a", number: 2)])
            await probe.wait(for: 1)
        }
        #expect(try await fixture.effects() == ["a": [2]])
    }

    @Test func `an event waits in the outbox until a relay runs, and is gone from it then`() async throws {
        let fixture = try await EventsFixture()
        try await fixture.publish([Counted(tallyId: "a", number: 1), Counted(tallyId: "a", number: 2)])
        #expect(try await fixture.shop.administration.summary(.test).outboxDepth == 2)
        let probe = Probe<Counted>()
        try await fixture.running([fixture.counting(probe)]) { await probe.wait(for: 2) }
        #expect(try await fixture.shop.administration.summary(.test).outboxDepth == 0)
        #expect(try await fixture.ledger.administration.summary(.test).lag == ["tallies": 0])
    }

    @Test func `a commit wakes the relay without the clock`() async throws {
        let fixture = try await EventsFixture(clock: ManualClock())
        let probe = Probe<Counted>()
        try await fixture.running([fixture.counting(probe)]) {
            for number in 0..<20 {
                try await fixture.publish([Counted(tallyId: "a", number: number)])
                await probe.wait(for: number + 1)
            }
        }
    }

    @Test func `a lost confirmation publishes twice and takes effect once`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        fixture.broker.fail(.confirmationLost, times: 3)
        try await fixture.publish((0..<10).map { Counted(tallyId: "k\($0 % 2)", number: $0) })
        try await fixture.running([fixture.counting(probe)]) {
            await probe.wait(for: 10)
            // The log has them four times; a last event comes after all of those.
            await fixture.broker.attempts.wait(for: 4)
            try await fixture.publish([
                Counted(tallyId: "k0", number: 10), Counted(tallyId: "k1", number: 11),
            ])
            await probe.wait(for: 12)
        }
        #expect(try await fixture.effects() == ["k0": [0, 2, 4, 6, 8, 10], "k1": [1, 3, 5, 7, 9, 11]])
        #expect(fixture.broker.attempts.all.prefix(4) == [10, 10, 10, 10])
    }

    @Test func `a broker that is away delays events and reorders none`() async throws {
        let fixture = try await EventsFixture(
            options: {
                var options = EventRuntimeOptions.quick
                options.relayBatch = 3
                return options
            }())
        let probe = Probe<Counted>()
        fixture.broker.fail(.down, times: 5)
        try await fixture.running([fixture.counting(probe)]) {
            for number in 0..<30 {
                try await fixture.publish([Counted(tallyId: "k\(number % 3)", number: number)])
            }
            await probe.wait(for: 30)
        }
        for (_, numbers) in try await fixture.effects() { #expect(numbers == numbers.sorted()) }
        #expect(try await fixture.effects().values.reduce(0) { $0 + $1.count } == 30)
    }

    @Test func `the depth is told while the broker is away`() async throws {
        let registry = SoukObservability.bootstrap()
        let clock = ManualClock()
        let fixture = try await EventsFixture()
        // A name of its own, because all tests write to the process's metrics.
        let runtime = EventRuntime(
            service: "deep", database: fixture.shopDatabase, broker: UnusedBroker(), clock: clock,
            options: .quick)
        try await fixture.shopDatabase.transaction {
            try await runtime.outbox.append(Counted(tallyId: "a", number: 1), in: $0)
        }
        try await fixture.running(runtime.services(handlers: [])) {
            await clock.sleepers()
            #expect(registry.render().contains(#"outbox_depth{service="deep"} 1"#))
        }
    }

    @Test func `a shutdown flushes the outbox`() async throws {
        // No time passes: without the flush nothing would try again.
        let fixture = try await EventsFixture(clock: ManualClock())
        fixture.broker.fail(.down)
        try await fixture.running(fixture.shop.services(handlers: [])) {
            try await fixture.publish([Counted(tallyId: "a", number: 1)])
            await fixture.broker.attempts.wait(for: 1)
            fixture.broker.recover()
        }
        #expect(try await fixture.shop.administration.summary(.test).outboxDepth == 0)
    }

    @Test func `a shutdown does not wait for a broker that is away`() async throws {
        let fixture = try await EventsFixture(clock: ManualClock())
        fixture.broker.fail(.down)
        try await fixture.running(fixture.shop.services(handlers: [])) {
            try await fixture.publish([Counted(tallyId: "a", number: 1)])
            await fixture.broker.attempts.wait(for: 1)
        }
        #expect(try await fixture.shop.administration.summary(.test).outboxDepth == 1)
    }

    @Test func `an event that the broker would refuse is refused at once`() async throws {
        let fixture = try await EventsFixture()
        let error = await #expect(throws: ServiceError.self) {
            try await fixture.publish([
                Renamed(tallyId: "a", name: String(repeating: "x", count: Outbox.maximumBytes))
            ])
        }
        #expect(error?.code == "event.too_large")
    }

    @Test func `a database has one relay`() async throws {
        let fixture = try await EventsFixture()
        let services = fixture.shop.services(handlers: []) + fixture.shop.services(handlers: [])
        let error = await #expect(throws: ServiceError.self) {
            try await fixture.running(services) {}
        }
        #expect(error?.code == "events.relay_running")
    }
}
