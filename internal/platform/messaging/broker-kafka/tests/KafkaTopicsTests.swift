import SoukBroker
import SoukBrokerKafka
import SoukIDs
import Testing

/// Topics have the settings that were asked for, though the cluster creates by itself whatever is asked for.
@Suite(.timeLimit(.minutes(2)))
struct KafkaTopicsTests {
    private let metrics = RecordedMetrics()
    private let topic = "topics-\(ID<KafkaTopicsTests>())"

    private func publish(to broker: KafkaBroker) async throws {
        try await broker.publish([BrokerMessage(id: "1", key: "k", payload: [])], to: topic)
    }

    private var difference: Double? { metrics["kafka_topic_partition_difference", topic] }

    @Test func `creates a topic with as many partitions as were asked for`() async throws {
        let broker = try KafkaBroker.open(KafkaUnderTest.options(), metrics: metrics)
        try await publish(to: broker)
        #expect(difference == 0)
        await broker.close()
    }

    @Test func `subscribing and asking for the lag create nothing by themselves`() async throws {
        let cluster = try MockCluster()
        // Throttled: the topic is not created, only asked for.
        try cluster.tell("error 19 89 100")
        let broker = try KafkaBroker.open(
            cluster.options { $0.requestTimeout = .seconds(1) }, metrics: metrics)
        let subscription = try await broker.subscribe(to: [topic], group: "g")
        // As long as it takes to ask for metadata a few times.
        try await Task.sleep(for: .seconds(2))
        #expect(try await broker.lag(group: "g") == [:])
        try cluster.tell("clear 19")
        try await publish(to: broker)
        #expect(difference == 0)
        #expect(try await subscription.next()?.message.id == "1")
        await broker.close()
    }

    @Test func `reports a topic that has other partitions, and works with it`() async throws {
        let cluster = try MockCluster("--topic", "\(topic)=3")
        let broker = try KafkaBroker.open(cluster.options(), metrics: metrics)
        try await publish(to: broker)
        #expect(difference == -5)
        await broker.close()
    }

    @Test func `says why the cluster makes no topic, at once`() async throws {
        let cluster = try MockCluster()
        // Not authorised to create topics.
        try cluster.tell("error 19 29 100")
        let broker = try KafkaBroker.open(cluster.options(), metrics: metrics)
        let start = ContinuousClock.now
        let error = await #expect(throws: BrokerError.self) { try await publish(to: broker) }
        #expect(error?.reason == .unavailable)
        #expect(
            error?.detail?.contains("creating topic \(topic): Broker: Topic authorization failed") == true)
        #expect(ContinuousClock.now - start < .seconds(4))
        await broker.close()
    }

    @Test func `systems that share a cluster have topics and groups of their own`() async throws {
        let one = try KafkaBroker.open(KafkaUnderTest.options { $0.prefix = "one-\(topic)." })
        let two = try KafkaBroker.open(KafkaUnderTest.options { $0.prefix = "two-\(topic)." })
        try await publish(to: one)
        try await two.publish([BrokerMessage(id: "2", key: "k", payload: [])], to: topic)
        for (broker, id) in [(one, "1"), (two, "2")] {
            let subscription = try await broker.subscribe(to: [topic], group: "g")
            let delivery = try #require(try await subscription.next())
            #expect(delivery.topic == topic && delivery.message.id == id)
            #expect(try await broker.lag(group: "g") == [topic: 1])
            try await delivery.ack()
            await broker.close()
        }
    }

    @Test func `makes a topic again that was deleted, and goes on with it`() async throws {
        let cluster = try MockCluster()
        let broker = try KafkaBroker.open(
            cluster.options { $0.publishTimeout = .seconds(2) }, metrics: metrics)
        let subscription = try await broker.subscribe(to: [topic], group: "g")
        try await publish(to: broker)
        try await subscription.next()?.ack()
        try await waitForCommit(of: "g", on: cluster)
        let empty = try cluster.replaced()
        var isPublished = false
        while !isPublished {
            do throws(BrokerError) {
                try await broker.publish([BrokerMessage(id: "2", key: "k", payload: [])], to: topic)
                isPublished = true
            } catch {
                #expect(error.reason == .unavailable)
            }
        }
        while let delivery = try await subscription.next() {
            try await delivery.ack()
            if delivery.message.id == "2" { break }
        }
        #expect(difference == 0)
        await broker.close()
        withExtendedLifetime(empty) {}
    }

    /// Waits until the cluster itself knows that the group is done with the topic.
    ///
    /// The stand-in takes a commit of a member that it does not know, where Kafka refuses its generation: one that librdkafka
    /// repeats after the replacement would count for the new topic.
    private func waitForCommit(of group: String, on cluster: MockCluster) async throws {
        let observer = try KafkaBroker.open(cluster.options())
        while try await observer.lag(group: group) != [topic: 0] {
            try await Task.sleep(for: .milliseconds(50))
        }
        await observer.close()
    }
}
