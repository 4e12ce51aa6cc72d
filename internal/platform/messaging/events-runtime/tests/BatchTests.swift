import SoukBroker
import SoukCloudEvents
import SoukDatabase
import SoukErrors
import SoukTesting
import SoukTime
import Synchronization
import Testing

@testable import SoukEventsRuntime

private struct Unlucky: Error {}

/// Events that are handled in one transaction, straight through the processor: so each test decides what comes together.
@Suite(.timeLimit(.minutes(1)))
struct BatchTests {
    @Test func `events of several keys share a transaction`() async throws {
        let fixture = try await EventsFixture()
        let begun = Mutex<Set<ObjectIdentifier>>([])
        let handler = EventHandler.on(
            Counted.self, isolation: .readCommitted, sharesTransaction: true
        ) { event, context, transaction in
            begun.withLock { _ = $0.insert(ObjectIdentifier(transaction as AnyObject)) }
            try await transaction.execute(
                "INSERT INTO effects (key, number, event_id) VALUES (\(event.tallyId), \(event.number), \(context.eventID))"
            )
        }
        let settled = Settlements()
        await fixture.processor([handler]).process(try (0..<5).map { try settled.delivery("k\($0)", $0) })
        #expect(begun.withLock { $0.count } == 1)
        #expect(try await fixture.effects() == ["k0": [0], "k1": [1], "k2": [2], "k3": [3], "k4": [4]])
        #expect(settled.all == [.ack, .ack, .ack, .ack, .ack])
    }

    @Test func `one that fails takes no other with it`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let handler = fixture.counting(probe) { event, _ in if event.number == 2 { throw Unlucky() } }
        let settled = Settlements()
        let processor = fixture.processor([handler])
        let deliveries = try (0..<4).map { try settled.delivery("k\($0)", $0) }
        await processor.process(deliveries)
        #expect(try await fixture.effects() == ["k0": [0], "k1": [1], "k3": [3]])
        #expect(settled.all.count { $0 == .ack } == 3)
        #expect(settled.all.count == 4)
        // Again and again, beside new ones: those are not tried with it any more, and at last it is a dead letter.
        for round in 1...3 {
            await processor.process(
                [deliveries[2], try settled.delivery("a\(round)", 10), try settled.delivery("b\(round)", 11)])
        }
        #expect(try await fixture.deadLetters().map(\.attempts) == [4])
        #expect(try await fixture.effects().count == 9)
    }

    @Test func `what the inbox knows, comes twice or is a dead letter is not handled again`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let settled = Settlements()
        let known = try settled.delivery("known", 1)
        let twice = try settled.delivery("twice", 2)
        let hopeless = try settled.delivery("hopeless", 3)
        let processor = fixture.processor([fixture.counting(probe)])
        await processor.process([known])
        let failing = fixture.processor([
            .on(Counted.self) { _, _, _ in throw ServiceError(.notFound, code: "c", message: "m") }
        ])
        await failing.process([hopeless])
        #expect(try await fixture.deadLetters().count == 1)
        await processor.process([known, twice, twice, hopeless, try settled.delivery("new", 4)])
        #expect(try await fixture.effects() == ["known": [1], "twice": [2], "new": [4]])
        #expect(settled.all.count { $0 == .ack } == 7)
    }

    @Test func `events of one key keep their order`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let settled = Settlements()
        await fixture.processor([fixture.counting(probe)]).process(
            try (0..<9).map { try settled.delivery("k\($0 % 3)", $0) })
        #expect(try await fixture.effects() == ["k0": [0, 3, 6], "k1": [1, 4, 7], "k2": [2, 5, 8]])
    }

    @Test func `while the database is away all of them wait`() async throws {
        let fixture = try await EventsFixture()
        let probe = Probe<Counted>()
        let settled = Settlements()
        let processor = fixture.processor([fixture.counting(probe)])
        let deliveries = try (0..<3).map { try settled.delivery("k\($0)", $0) }
        fixture.ledgerDatabase.goAway()
        await processor.process(deliveries)
        #expect(settled.all.count == 3 && !settled.all.contains(.ack))
        fixture.ledgerDatabase.comeBack()
        await processor.process(deliveries)
        #expect(try await fixture.effects().count == 3)
        #expect(try await fixture.deadLetters().isEmpty)
    }

    @Test func `a handler that wants its transaction for itself gets it`() async throws {
        let settled = Settlements()
        let deliveries = try (0..<3).map { try settled.delivery("k\($0)", $0) }
        for handler in [
            EventHandler.on(Counted.self, isolation: .readCommitted) { _, _, _ in },
            EventHandler.on(Counted.self, sharesTransaction: true) { _, _, _ in },
        ] {
            let batch = EventBatch(deliveries, handlers: [Counted.type: handler], failures: FailureTracker())
            #expect(batch.together.isEmpty)
            #expect(batch.alone.count == 3)
        }
    }

    @Test func `nothing overtakes an event of its key that is alone`() async throws {
        let settled = Settlements()
        let failures = FailureTracker()
        let first = try settled.delivery("a", 1)
        let others = [
            try settled.delivery("a", 2), try settled.delivery("c", 3), try settled.delivery("b", 4),
        ]
        _ = failures.failed(FailureTracker.Key(first), at: Timestamp(microseconds: 0))
        let handler = EventHandler.on(Counted.self, isolation: .readCommitted, sharesTransaction: true) {
            _, _, _ in
        }
        let batch = EventBatch([first] + others, handlers: [Counted.type: handler], failures: failures)
        #expect(batch.alone.map(\.position) == [1, 2])
        // And locks are taken in the order of the keys.
        #expect(batch.together.map(\.delivery.position) == [4, 3])
    }

    @Test func `what waits is shared out among the workers`() async throws {
        let settled = Settlements()
        let queue = DeliveryQueue(workers: 4, most: 3)
        for number in 0..<20 { queue.add(try settled.delivery("k", number)) }
        queue.finish()
        var counts: [Int] = []
        while let deliveries = await queue.next() { counts.append(deliveries.count) }
        #expect(counts == [3, 3, 3, 3, 2, 2, 1, 1, 1, 1])
    }

    @Test func `a worker that waits gets what comes, and the end`() async throws {
        let settled = Settlements()
        let queue = DeliveryQueue(workers: 2, most: 8)
        async let first = queue.next()?.count
        queue.add(try settled.delivery("k", 1))
        #expect(await first == 1)
        async let last = queue.next()?.count
        queue.finish()
        #expect(await last == nil)
    }
}

/// Makes deliveries, and remembers how they ended.
private final class Settlements: Sendable {
    private let settlements = Mutex<[Delivery.Settlement]>([])

    var all: [Delivery.Settlement] { settlements.withLock { $0 } }

    func delivery(_ key: String, _ number: Int) throws -> Delivery {
        let envelope = try EventEnvelope(
            Counted(tallyId: key, number: number), id: "event-\(key)-\(number)", source: "shop",
            time: Timestamp(microseconds: 0), traceparent: nil)
        let message = BrokerMessage(
            id: envelope.id, key: key, headers: envelope.headers(), payload: envelope.data)
        return Delivery(message: message, topic: Counted.topic, position: Int64(number), deliveryCount: 1) {
            settlement in
            self.settlements.withLock { $0.append(settlement) }
        }
    }
}

extension EventsFixture {
    fileprivate func processor(_ handlers: [EventHandler]) -> EventProcessor {
        EventProcessor(
            store: EventStore(service: "ledger", database: ledgerDatabase), handlers: handlers,
            clock: SystemClock(),
            options: .quick, metrics: EventMetrics(service: "ledger"))
    }
}
