import SoukBroker
import SoukCloudEvents
import SoukDatabase
import SoukErrors
import SoukPagination
import SoukTime
import Synchronization
import Testing

@testable import SoukEventsRuntime

private struct Unlucky: Error {}

@Suite(.timeLimit(.minutes(1)))
struct DeadLetterTests {
    private static let refused = ServiceError(
        .conflict, code: "tally.closed", message: "The tally is closed.", detail: "by test")

    @Test func `an error that will not go away makes a dead letter at once`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let handler = fixture.counting(probe) { event, _ in
            if event.number == 1 { throw Self.refused }
        }
        let start = SystemClock().now()
        try await fixture.running([handler]) {
            try await fixture.publish([Counted(tallyId: "a", number: 1), Counted(tallyId: "a", number: 2)])
            await probe.wait(for: 1)
        }
        let letters = try await fixture.deadLetters()
        let letter = try #require(letters.first)
        #expect(letters.count == 1)
        #expect(letter.consumer == "ledger")
        #expect(letter.type == "tally.counted.v1")
        #expect(letter.topic == "tallies")
        #expect(letter.key == "a")
        #expect(letter.errorCode == "tally.closed")
        #expect(letter.error.contains("The tally is closed."))
        #expect(letter.error.contains("by test"))
        #expect(letter.attempts == 1)
        #expect(letter.status == .dead)
        #expect(letter.firstFailedAt >= start)
        #expect(letter.lastFailedAt >= letter.firstFailedAt)
        let envelope = try EventEnvelope(headers: letter.headers, payload: letter.payload)
        #expect(envelope.id == letter.eventID)
        #expect(try envelope.decode(Counted.self) == Counted(tallyId: "a", number: 1))
        #expect(try await fixture.effects() == ["a": [2]])
        #expect(try await fixture.ledger.administration.summary(.test).lag == ["tallies": 0])
        #expect(try await fixture.ledger.administration.deadLetter(id: letter.id, .test) == letter)
        #expect(try await fixture.ledger.administration.deadLetter(id: "none", .test) == nil)
    }

    @Test func `an error that may go away makes one after all attempts`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let attempts = Probe<Int>()
        let handler = fixture.counting(probe) { event, context in
            guard event.number == 1 else { return }
            attempts.record(context.attempt)
            throw Unlucky()
        }
        try await fixture.running([handler]) {
            try await fixture.publish([Counted(tallyId: "a", number: 1), Counted(tallyId: "a", number: 2)])
            await probe.wait(for: 1)
        }
        let letter = try #require(try await fixture.deadLetters().first)
        #expect(attempts.all == [1, 2, 3, 4])
        #expect(letter.attempts == 4)
        #expect(letter.errorCode == "unknown")
        #expect(letter.error.contains("Unlucky"))
        #expect(letter.lastFailedAt > letter.firstFailedAt)
    }

    @Test(arguments: [
        BrokerMessage(id: "no-event", key: "a", headers: ["x": "y"], payload: [1, 2, 3]),
        BrokerMessage(id: "", key: "a", headers: [:], payload: []),
        BrokerMessage(
            id: "not-counted", key: "a",
            headers: EventEnvelope(
                id: "not-counted", source: "test", type: Counted.type, subject: "a",
                time: SystemClock().now(),
                traceparent: nil, data: []
            ).headers(), payload: Array("{}".utf8)),
    ])
    func `a message that cannot be read is a dead letter`(message: BrokerMessage) async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        try await fixture.running([fixture.counting(probe)]) {
            try await fixture.broker.publish([message], to: Counted.topic)
            try await fixture.publish([Counted(tallyId: "a", number: 1)])
            await probe.wait(for: 1)
        }
        let letter = try #require(try await fixture.deadLetters().first)
        #expect(letter.headers == message.headers)
        #expect(letter.payload == message.payload)
        #expect(letter.attempts == 1)
        #expect(letter.errorCode.hasPrefix("event."))
        #expect(try await fixture.ledger.administration.summary(.test).lag == ["tallies": 0])
    }

    @Test func `a dead letter that is delivered again stays one`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let attempts = Probe<Int>()
        let handler = fixture.counting(probe) { event, _ in
            guard event.number == 1 else { return }
            attempts.record(event.number)
            throw Self.refused
        }
        fixture.broker.fail(.acknowledgementLost, times: 3)
        try await fixture.running([handler]) {
            try await fixture.publish([Counted(tallyId: "a", number: 1), Counted(tallyId: "a", number: 2)])
            await probe.wait(for: 1)
        }
        #expect(attempts.all.count == 1)
        #expect(try await fixture.deadLetters().map(\.attempts) == [1])
    }

    // MARK: - Redriving

    @Test func `a redriven event takes effect once, with its own id`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let ids = Probe<String>()
        let isBroken = Switch(true)
        let handler = fixture.counting(probe) { _, context in
            ids.record(context.eventID)
            if isBroken.isOn { throw Self.refused }
        }
        let administration = fixture.ledger.administration
        let failed = Probe<DeadLetter>()
        try await fixture.running([handler]) {
            try await fixture.publish([Counted(tallyId: "a", number: 1)])
            let letter = try await fixture.firstDeadLetter()
            failed.record(letter)
            isBroken.turn(on: false)
            #expect(try await administration.redrive(id: letter.id, .test))
            await probe.wait(for: 1)
            #expect(try await administration.redrive(id: letter.id, .test) == false)
        }
        #expect(try await fixture.effects() == ["a": [1]])
        #expect(try await fixture.deadLetters().isEmpty)
        #expect(ids.all == [failed.all[0].eventID, failed.all[0].eventID])
        // The broker's own copy, should it come again, has no effect any more.
        try await fixture.running([handler]) {
            try await fixture.broker.publish(
                [
                    BrokerMessage(
                        id: failed.all[0].eventID, key: "a", headers: failed.all[0].headers,
                        payload: failed.all[0].payload)
                ],
                to: Counted.topic)
            try await fixture.publish([Counted(tallyId: "a", number: 2)])
            await probe.wait(for: 2)
        }
        #expect(try await fixture.effects() == ["a": [1, 2]])
    }

    @Test func `a redrive that fails again stays, with one more attempt`() async throws {
        let fixture = try await EventsFixture()
        let attempts = Probe<Int>()
        let handler = fixture.counting(Probe()) { _, context in
            attempts.record(context.attempt)
            throw Self.refused
        }
        try await fixture.running([handler]) {
            try await fixture.publish([Counted(tallyId: "a", number: 1)])
            let letter = try await fixture.firstDeadLetter()
            #expect(try await fixture.ledger.administration.redrive(id: letter.id, .test))
            await attempts.wait(for: 2)
        }
        let letter = try #require(try await fixture.deadLetters().first)
        #expect(letter.attempts == 2)
        #expect(letter.status == .dead)
        #expect(try await fixture.effects().isEmpty)
    }

    @Test func `redriving all goes oldest first, and stops at a key that fails again`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let phase = Mutex(1)
        let tried = Probe<Int>()
        let handler = fixture.counting(probe) { event, _ in
            guard event.number > 0 else { return }
            switch phase.withLock({ $0 }) {
            case 1: throw Self.refused
            default:
                tried.record(event.number)
                if event.number == 2 { throw Self.refused }
            }
        }
        try await fixture.running([handler]) {
            try await fixture.publish(
                [("a", 1), ("b", 2), ("b", 3), ("a", 4), ("a", 0), ("b", 0)].map {
                    Counted(tallyId: $0, number: $1)
                })
            await probe.wait(for: 2)
            phase.withLock { $0 = 2 }
            #expect(try await fixture.ledger.administration.redriveAll(.test) == 4)
            await probe.wait(for: 4)
            // The mark of the one that failed again is taken off after its handler was asked, by a consumer that still runs.
            while try await fixture.deadLetters().contains(where: { $0.status == .redriving }) {
                await Task.yield()
            }
        }
        // Keys fail side by side, so which of them is older is open; within a key it is not.
        #expect(tried.all.filter { $0 != 2 } == [1, 4])
        #expect(tried.all.filter { $0 == 2 }.count == 1)
        #expect(try await fixture.effects() == ["a": [0, 1, 4], "b": [0]])
        let letters = try await fixture.deadLetters()
        #expect(letters.map(\.attempts) == [1, 2])
        #expect(letters.map(\.status) == [.dead, .dead])
    }

    @Test func `a redrive that a crash interrupted goes on at the next start`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let isBroken = Switch(true)
        let handler = fixture.counting(probe) { _, _ in if isBroken.isOn { throw Self.refused } }
        try await fixture.running([handler]) {
            try await fixture.publish([Counted(tallyId: "a", number: 1)])
            _ = try await fixture.firstDeadLetter()
        }
        isBroken.turn(on: false)
        // Marked while no consumer runs.
        #expect(try await fixture.ledger.administration.redriveAll(.test) == 1)
        #expect(try await fixture.ledger.administration.redriveAll(.test) == 0)
        #expect(try await fixture.deadLetters().map(\.status) == [.redriving])
        try await fixture.running([handler]) { await probe.wait(for: 1) }
        #expect(try await fixture.effects() == ["a": [1]])
    }

    @Test func `a discarded event does not come back`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let handler = fixture.counting(probe) { event, _ in if event.number == 1 { throw Self.refused } }
        let administration = fixture.ledger.administration
        try await fixture.running([handler]) {
            try await fixture.publish([Counted(tallyId: "a", number: 1)])
            let letter = try await fixture.firstDeadLetter()
            #expect(try await administration.discard(id: letter.id, .test))
            #expect(try await administration.discard(id: letter.id, .test) == false)
            #expect(try await administration.redrive(id: letter.id, .test) == false)
            try await fixture.broker.publish(
                [
                    BrokerMessage(
                        id: letter.eventID, key: "a", headers: letter.headers, payload: letter.payload)
                ],
                to: Counted.topic)
            try await fixture.publish([Counted(tallyId: "a", number: 2)])
            await probe.wait(for: 1)
        }
        #expect(try await fixture.effects() == ["a": [2]])
        #expect(try await fixture.deadLetters().isEmpty)
    }

    @Test func `dead letters come in pages, newest first`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let handler = fixture.counting(probe) { event, _ in if event.number < 5 { throw Self.refused } }
        try await fixture.running([handler]) {
            try await fixture.publish((0..<6).map { Counted(tallyId: "a", number: $0) })
            await probe.wait(for: 1)
        }
        let page = try await fixture.ledger.administration.deadLetters(PageRequest(page: 2, size: 2), .test)
        #expect(page.totalCount == 5)
        let numbers = try page.items.map { letter in
            try EventEnvelope(headers: letter.headers, payload: letter.payload).decode(Counted.self).number
        }
        #expect(numbers == [2, 1])
    }
}

extension EventsFixture {
    /// Waits for the first dead letter, which is written some time after the handler failed.
    func firstDeadLetter() async throws -> DeadLetter {
        while true {
            if let letter = try await deadLetters().first { return letter }
            await Task.yield()
        }
    }
}
