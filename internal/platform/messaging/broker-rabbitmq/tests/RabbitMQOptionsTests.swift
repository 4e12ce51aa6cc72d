import SoukBroker
import Testing

@testable import SoukBrokerRabbitMQ

@Suite struct RabbitMQOptionsTests {
    @Test func `a URL names hosts, user, password and virtual host`() throws {
        let options = try RabbitMQOptions(url: "amqps://souk:p%40ss@a.example,[::1]:5673,b:99/market%2F1")
        #expect(
            options.hosts == [
                .init(name: "a.example", port: 5671), .init(name: "::1", port: 5673),
                .init(name: "b", port: 99),
            ])
        #expect(options.usesTLS)
        #expect(options.user == "souk")
        #expect(options.password == "p@ss")
        #expect(options.virtualHost == "market/1")
        let short = try RabbitMQOptions(url: "amqp://localhost")
        #expect(short.user == "guest")
        #expect(short.password == nil)
        #expect(short.virtualHost == "/")
        #expect(short.hosts == [.init(name: "localhost", port: 5672)])
        #expect(try RabbitMQOptions(url: "amqp://u@h/").virtualHost == "/")
    }

    @Test(arguments: [
        "", "http://h/", "amqp://", "amqp://u@h:0/", "amqp://u@h:x/", "amqp://u@/v", "amqp://u@h,/v",
        "amqp://u@h/a/b",
        "amqp://:hunter2@h/v", "amqp://u:hunter2%zz@h/v", "amqp://u:hunter2@h/v?x=y",
        "amqp://u:hunter2@[::1/v",
    ])
    func `a URL that makes no sense is refused without being quoted`(url: String) {
        let error = #expect(throws: BrokerError.self) { try RabbitMQOptions(url: url) }
        #expect(error?.reason == .invalidArgument)
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test func `no description shows the password`() throws {
        var options = try RabbitMQOptions(url: "amqp://souk:hunter2@h/v")
        options.password = "hunter2"
        var dumped = ""
        dump(options, to: &dumped)
        for text in ["\(options)", String(reflecting: options), dumped] { #expect(!text.contains("hunter2")) }
    }

    @Test func `limits that make no sense are refused`() throws {
        var options = try RabbitMQOptions(url: "amqp://h")
        options.partitions = 0
        #expect(throws: BrokerError.self) { try RabbitMQBroker.open(options) }
        options.partitions = 4
        options.certificateFile = "client.pem"
        #expect(throws: BrokerError.self) { try RabbitMQBroker.open(options) }
    }

    /// Part of the protocol between processes: these never change.
    @Test func `keys have their partitions`() throws {
        let topology = Topology(try RabbitMQOptions(url: "amqp://h"))
        #expect(["", "a", "b", "foobar"].map(topology.partition) == [1, 0, 1, 0])
        #expect(topology.queue(group: "g", topic: "t", partition: 2) == "souk.events:g:t:2")
        #expect(topology.routingKey(topic: "t", partition: 2) == "t.2")
    }

    @Test(arguments: [
        "ce_id", "ce_", "content-type", "souk-key", "cloudEvents:id", "x-death", "plain", "souk-header:x",
        "ü",
    ])
    func `every header name survives the round trip`(name: String) {
        #expect(MessageMapping.ourName(MessageMapping.amqpName(name)) == name)
    }

    @Test func `attributes of events have the names of the AMQP binding`() {
        #expect(MessageMapping.amqpName("ce_specversion") == "cloudEvents:specversion")
    }
}
