import ArgumentParser
import SoukBroker
import SoukBrokerRabbitMQ

/// Persistent messages with confirms into quorum queues, and out of them with acknowledgements.
struct RabbitMQBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rabbitmq", abstract: "Publishes and consumes through SoukBrokerRabbitMQ.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var load: BrokerLoadOptions

    func run() async throws {
        var options = try RabbitMQOptions(url: server.url)
        options.password = try server.password
        options.exchange = "bench.souk"
        // The queues are there before the first message, and nobody reads them yet.
        options.groups = ["bench": ["bench"]]
        options.requestTimeout = .seconds(60)
        let broker = try RabbitMQBroker.open(options)
        let loops = BrokerLoops(broker: broker, topic: "bench", group: "bench", options: load)
        // Connects, and shows that the queues are declared.
        await (try await broker.subscribe(to: ["bench"], group: "bench")).close()
        try await loops.publish().report()
        try await loops.consume().report()
        await broker.close()
    }
}
