import Logging
import ServiceLifecycle
import SoukBroker
import SoukCloudEvents
import SoukDatabase
import SoukErrors
import SoukTesting
import Synchronization
import Testing

@testable import SoukEventsRuntime

private struct Unlucky: Error {}

@Suite(.timeLimit(.minutes(1)))
struct ConsumerTests {
    @Test func `an acknowledgement that is lost repeats the message, not the effect`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        fixture.broker.fail(.acknowledgementLost, times: 10)
        try await fixture.running([fixture.counting(probe)]) {
            try await fixture.publish((0..<20).map { Counted(tallyId: "k\($0 % 4)", number: $0) })
            await probe.wait(for: 20)
        }
        let effects = try await fixture.effects()
        #expect(effects.values.reduce(0) { $0 + $1.count } == 20)
        for (_, numbers) in effects { #expect(numbers == numbers.sorted()) }
    }

    @Test func `events of a key are handled in order, whatever fails meanwhile`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let handler = fixture.counting(probe) { event, context in
            if event.number % 3 == 0, context.attempt < 3 { throw Unlucky() }
        }
        try await fixture.running([handler]) {
            for start in stride(from: 0, to: 320, by: 40) {
                try await fixture.publish(
                    (start..<start + 40).map { Counted(tallyId: "k\($0 % 16)", number: $0) })
            }
            await probe.wait(for: 320)
        }
        let effects = try await fixture.effects()
        #expect(effects.count == 16)
        for (key, numbers) in effects {
            #expect(numbers == (0..<320).filter { "k\($0 % 16)" == key })
        }
        #expect(try await fixture.deadLetters().isEmpty)
    }

    @Test func `a retried handler leaves no trace of its failed attempts`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let attempts = Probe<Int>()
        let handler = fixture.counting(probe) { _, context in
            attempts.record(context.attempt)
            if context.attempt < 3 { throw Unlucky() }
        }
        try await fixture.running([handler]) {
            try await fixture.publish([Counted(tallyId: "a", number: 1)])
            await probe.wait(for: 1)
        }
        #expect(attempts.all == [1, 2, 3])
        #expect(try await fixture.effects() == ["a": [1]])
    }

    @Test func `a failing key does not hold back others`() async throws {
        let fixture = try await EventsFixture(
            options: {
                var options = EventRuntimeOptions.quick
                options.retry.maximumAttempts = .max
                options.concurrency = 2
                return options
            }())
        let probe = Probe<Counted>()
        let isBroken = Switch(true)
        let handler = fixture.counting(probe) { event, _ in
            if event.tallyId == "blocked", isBroken.isOn { throw Unlucky() }
        }
        try await fixture.running([handler]) {
            try await fixture.publish(
                (0..<60).map { Counted(tallyId: $0 % 2 == 0 ? "blocked" : "k\($0 % 5)", number: $0) })
            await probe.wait(for: 30)
            #expect(try await fixture.effects()["blocked"] == nil)
            isBroken.turn(on: false)
            await probe.wait(for: 60)
        }
        #expect(try await fixture.effects()["blocked"] == stride(from: 0, to: 60, by: 2).map { $0 })
    }

    @Test func `events of other types are acknowledged unread`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        try await fixture.running([fixture.counting(probe)]) {
            try await fixture.publish([Renamed(tallyId: "a", name: "x"), Counted(tallyId: "a", number: 1)])
            await probe.wait(for: 1)
        }
        #expect(try await fixture.ledger.administration.summary(.test).lag == ["tallies": 0])
        #expect(try await fixture.deadLetters().isEmpty)
    }

    @Test func `each service handles an event once, in its own database`() async throws {
        let fixture = try await EventsFixture()
        let other = EventRuntime(
            service: "audit", database: fixture.shopDatabase, broker: fixture.broker, clock: ManualClock())
        let counted = Probe<Counted>()
        let audited = Probe<String>()
        let audit = EventHandler.on(Counted.self) { _, context, transaction in
            transaction.afterCommit { audited.record(context.eventID) }
        }
        let services =
            fixture.shop.services(handlers: [])
            + fixture.ledger.services(handlers: [fixture.counting(counted)])
            + other.services(handlers: [audit]).dropFirst()
        try await fixture.running(services) {
            try await fixture.publish([Counted(tallyId: "a", number: 1)])
            await counted.wait(for: 1)
            await audited.wait(for: 1)
        }
        #expect(try await fixture.effects() == ["a": [1]])
    }

    @Test func `while the database is away nothing is lost, written off or counted`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let attempts = Probe<Int>()
        let handler = fixture.counting(probe) { _, context in
            attempts.record(context.attempt)
            if context.attempt == 1 { throw Unlucky() }
        }
        try await fixture.running([handler]) {
            fixture.ledgerDatabase.goAway()
            try await fixture.publish([Counted(tallyId: "a", number: 1)])
            // Many more than a handler's attempts.
            await fixture.ledgerDatabase.refusals.wait(for: 60)
            fixture.ledgerDatabase.comeBack()
            await probe.wait(for: 1)
        }
        #expect(attempts.all == [1, 2])
        #expect(try await fixture.deadLetters().isEmpty)
        #expect(try await fixture.effects() == ["a": [1]])
    }

    @Test func `a shutdown lets a running handler finish`() async throws {
        let fixture = try await EventsFixture()
        let started = Probe<Bool>()
        let release = Probe<Bool>()
        let handler = EventHandler.on(Counted.self) { event, context, transaction in
            started.record(true)
            await release.wait(for: 1)
            try await transaction.execute(
                "INSERT INTO effects (key, number, event_id) VALUES (\(event.tallyId), 1, \(context.eventID))"
            )
        }
        let group = ServiceGroup(
            configuration: .init(
                services: fixture.shop.services(handlers: []) + fixture.ledger.services(handlers: [handler]),
                logger: .init(label: "test")))
        async let run: Void = group.run()
        try await fixture.publish([Counted(tallyId: "a", number: 1)])
        await started.wait(for: 1)
        await group.triggerGracefulShutdown()
        release.record(true)
        try await run
        #expect(try await fixture.effects() == ["a": [1]])
        #expect(try await fixture.ledger.administration.summary(.test).lag == ["tallies": 0])
    }

    @Test func `the inbox forgets after its retention`() async throws {
        let clock = ManualClock()
        let fixture = try await EventsFixture(clock: clock)
        let probe = Probe<Counted>()
        try await fixture.running([fixture.counting(probe)]) {
            try await fixture.publish([Counted(tallyId: "a", number: 1)])
            await probe.wait(for: 1)
        }
        clock.advance(by: .seconds(7 * 86_400 + 1))
        try await fixture.running([fixture.counting(probe)]) {
            try await fixture.publish([Counted(tallyId: "a", number: 2)])
            await probe.wait(for: 2)
        }
        // The second run's relay cleared away the first event before or after it published the second.
        let count: Int? = try await fixture.ledgerDatabase.scalar("SELECT count(*) FROM inbox")
        #expect(count == 1)
    }
}

final class Switch: Sendable {
    private let state: Mutex<Bool>

    init(_ isOn: Bool) {
        state = Mutex(isOn)
    }

    var isOn: Bool { state.withLock { $0 } }

    func turn(on isOn: Bool) { state.withLock { $0 = isOn } }
}
