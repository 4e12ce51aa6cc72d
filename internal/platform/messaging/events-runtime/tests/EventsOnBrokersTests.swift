import Foundation
import SoukBroker
import SoukBrokerEmbedded
import SoukBrokerKafka
import SoukBrokerRabbitMQ
import SoukCallContext
import SoukErrors
import SoukTesting
import Testing

@testable import SoukEventsRuntime

/// The brokers that this run can reach.
enum BrokerUnderTest: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case embedded, rabbitmq, kafka

    static var here: [Self] { allCases.filter { $0 == .embedded || $0.address != nil } }

    var testDescription: String { rawValue }

    /// Where `scripts/servers` says it is.
    private var address: String? {
        let environment = ProcessInfo.processInfo.environment
        let address =
            switch self {
            case .embedded: String?.none
            case .rabbitmq: environment["SOUK_TEST_RABBITMQ_URL"]
            case .kafka: environment["SOUK_TEST_KAFKA_BROKERS"]
            }
        return address?.isEmpty == true ? nil : address
    }

    /// A broker with topics that no other test uses, and the group subscribed: what is published from here on it gets.
    func open(folder: TemporaryFolder, topic: String, group: String) async throws -> any Broker {
        let broker: any Broker
        switch self {
        case .embedded:
            broker = try await EmbeddedBroker.open(path: folder.path("broker.db"))
        case .rabbitmq:
            var options = try RabbitMQOptions(url: try #require(address))
            options.exchange = "souk.test.\(UUID().uuidString)"
            broker = try RabbitMQBroker.open(options)
        case .kafka:
            var options = try KafkaOptions(brokers: try #require(address))
            options.sessionTimeout = .seconds(6)
            broker = try KafkaBroker.open(options)
        }
        await (try await broker.subscribe(to: [topic], group: group)).close()
        return broker
    }
}

/// What the runtime makes of each broker: dead letters, redrives, and keys that do not hold back each other.
@Suite(.timeLimit(.minutes(5)), .serialized)
struct EventsOnBrokersTests {
    private static let refused = ServiceError(
        .conflict, code: "tally.closed", message: "The tally is closed.", detail: "by test")

    @Test(arguments: BrokerUnderTest.here)
    func `a poison message becomes a dead letter with error and attempts, and is redriven`(
        _ backend: BrokerUnderTest
    ) async throws {
        let folder = try TemporaryFolder()
        let broker = try await backend.open(folder: folder, topic: Counted.topic, group: "ledger")
        let start = ContinuousClock.now
        let kept: Bool
        do {
            try await poison(broker)
            kept = true
        } catch {
            kept = false
            Issue.record(error)
        }
        await broker.close()
        for promise in [
            "writes off a poison message with error and attempts", "redrives a dead letter, once",
        ] {
            ContractReport.add(
                backend.rawValue, promise,
                kept ? .kept(messages: 0, duration: ContinuousClock.now - start) : .broken)
        }
    }

    private func poison(_ broker: any Broker) async throws {
        let fixture = try await EventsFixture(broker: broker)
        let probe = Probe<Counted>()
        let isBroken = Switch(true)
        // Unique keys: the topic of the stand-in for Kafka is shared with other tests.
        let (bad, good) = ("bad-\(UUID().uuidString)", "good-\(UUID().uuidString)")
        let handler = fixture.counting(probe) { event, _ in
            guard event.tallyId == bad, isBroken.isOn else { return }
            if event.number == 1 { throw Self.refused }
            if event.number == 2 { throw CancellationErrorOfAnother() }
        }
        let administration = fixture.ledger.administration
        try await fixture.running([handler]) {
            try await fixture.publish([
                Counted(tallyId: bad, number: 1), Counted(tallyId: bad, number: 2),
                Counted(tallyId: bad, number: 3), Counted(tallyId: good, number: 4),
            ])
            await probe.wait(for: 2)
            #expect(try await fixture.effects() == [bad: [3], good: [4]])
            let letters = try await fixture.deadLetters()
            #expect(letters.map(\.attempts).sorted() == [1, 4])
            let codes = Dictionary(uniqueKeysWithValues: letters.map { ($0.errorCode, $0.attempts) })
            #expect(codes == ["tally.closed": 1, "unknown": 4])
            #expect(letters.allSatisfy { $0.topic == Counted.topic && $0.key == bad && !$0.error.isEmpty })
            isBroken.turn(on: false)
            for letter in letters { #expect(try await administration.redrive(id: letter.id, .test)) }
            await probe.wait(for: 4)
            #expect(try await administration.summary(.test).deadLetters == 0)
        }
        #expect(try await fixture.effects()[bad]?.sorted() == [1, 2, 3])
        #expect(try await fixture.effects()[good] == [4])
    }
}

/// An error that says nothing about itself.
private struct CancellationErrorOfAnother: Error {}
