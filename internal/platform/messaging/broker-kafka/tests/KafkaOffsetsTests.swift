import SoukBroker
import SoukBrokerKafka
import SoukIDs
import Testing

/// A log that does not go on at the group's offset: what exists is read, and the difference is counted.
@Suite(.timeLimit(.minutes(2)))
struct KafkaOffsetsTests {
    private let metrics = RecordedMetrics()
    private let topic = "offsets-\(ID<KafkaOffsetsTests>())"

    private func publish(_ numbers: Range<Int>, size: Int = 0, to broker: KafkaBroker) async throws {
        for first in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 50) {
            try await broker.publish(
                (first..<min(first + 50, numbers.upperBound)).map {
                    BrokerMessage(id: "\($0)", key: "k", payload: [UInt8](repeating: 1, count: size))
                }, to: topic)
        }
    }

    /// Receives and acknowledges so many; returns their ids.
    private func receive(_ count: Int, from subscription: any BrokerSubscription) async throws -> [String] {
        var ids: [String] = []
        while ids.count < count {
            let delivery = try #require(try await subscription.next())
            ids.append(delivery.message.id)
            try await delivery.ack()
        }
        return ids
    }

    private func moves(_ direction: String) -> Double? {
        metrics["kafka_offset_moves_total", "g", topic, direction]
    }

    /// As a broker responds whose log ends below the offset that is asked for: Fetch (1) is out of range (1).
    private func makeAgain(_ cluster: MockCluster) throws {
        try cluster.tell("error 1 1 2")
    }

    @Test func `reads a topic that was made again from its beginning`() async throws {
        let cluster = try MockCluster()
        let broker = try KafkaBroker.open(cluster.options { $0.partitions = 1 }, metrics: metrics)
        try await publish(0..<10, to: broker)
        let subscription = try await broker.subscribe(to: [topic], group: "g")
        let first = try await receive(9, from: subscription)
        #expect(first == (0..<9).map(String.init))
        let held = try #require(try await subscription.next())
        try makeAgain(cluster)
        let again = try #require(try await subscription.next())
        #expect(again.message.id == "0")
        // What was held is of the old log.
        await #expect { try await held.ack() } throws: { ($0 as? BrokerError)?.reason == .staleDelivery }
        try await again.ack()
        #expect(try await receive(9, from: subscription) == (1..<10).map(String.init))
        await broker.close()
        #expect(moves("backward") == 1)
    }

    @Test func `notices that a topic was made again while nobody read it`() async throws {
        let cluster = try MockCluster()
        let broker = try KafkaBroker.open(cluster.options { $0.partitions = 1 }, metrics: metrics)
        try await publish(0..<10, to: broker)
        let subscription = try await broker.subscribe(to: [topic], group: "g")
        _ = try await receive(10, from: subscription)
        await subscription.close()
        try makeAgain(cluster)
        let next = try await broker.subscribe(to: [topic], group: "g")
        #expect(try await receive(10, from: next) == (0..<10).map(String.init))
        await broker.close()
        #expect(moves("backward") == 1)
    }

    @Test func `counts what retention deleted before the group read it, and reads what is left`() async throws
    {
        let cluster = try MockCluster()
        let broker = try KafkaBroker.open(cluster.options { $0.partitions = 1 }, metrics: metrics)
        try await publish(0..<1, to: broker)
        let subscription = try await broker.subscribe(to: [topic], group: "g")
        _ = try await receive(1, from: subscription)
        await subscription.close()
        // Twice of what the stand-in keeps of a partition.
        try await publish(1..<201, size: 50_000, to: broker)
        let next = try await broker.subscribe(to: [topic], group: "g")
        let delivery = try #require(try await next.next())
        let oldest = try #require(Int(delivery.message.id))
        try await delivery.ack()
        #expect(oldest > 1)
        #expect(try await receive(200 - oldest, from: next) == (oldest + 1..<201).map(String.init))
        await broker.close()
        #expect(moves("forward") == 1)
        #expect(metrics["kafka_messages_lost_total", "g", topic] == Double(oldest - 1))
    }
}
