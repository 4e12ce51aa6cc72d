import ArgumentParser
import SoukBrokerKafka

/// Messages with `acks=all` into a topic, and out of it as a group that commits.
struct KafkaBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kafka", abstract: "Publishes and consumes through SoukBrokerKafka.")

    @Option(help: "host:port of the brokers.") var brokers: String
    @Option(help: "A topic that is empty.") var topic = "bench"
    @OptionGroup var load: BrokerLoadOptions

    func run() async throws {
        let broker = try KafkaBroker.open(try KafkaOptions(brokers: brokers))
        let loops = BrokerLoops(broker: broker, topic: topic, group: "bench-\(topic)", options: load)
        try await loops.publish().report()
        try await loops.consume().report()
        await broker.close()
    }
}
