/// What is declared on the server, and how it is named.
///
/// A topic is cut into partitions by key, and a group has one quorum queue for each partition of each of its topics.
/// Each queue has a single active consumer, so a key is in one member's hands at a time and keeps its order across
/// members; if that member leaves, the server gives everything it held to the next, in order.
struct Topology: Sendable {
    let exchange: String
    let partitions: Int
    let deliveryLimit: Int

    init(_ options: RabbitMQOptions) {
        exchange = options.exchange
        partitions = options.partitions
        deliveryLimit = options.deliveryLimit
    }

    /// Names of groups and topics end up in names of queues and in binding keys, which are at most 255 bytes and
    /// give `:`, `*` and `#` a meaning.
    static func isName(_ name: String) -> Bool {
        (1...100).contains(name.utf8.count)
            && name.unicodeScalars.allSatisfy {
                $0.value > 0x20 && $0.value != 0x7f && !":*#".unicodeScalars.contains($0)
            }
    }

    func queue(group: String, topic: String, partition: Int) -> String {
        "\(exchange):\(group):\(topic):\(partition)"
    }

    /// Where messages go that a group's queues returned too often.
    func deadQueue(group: String) -> String { "\(exchange):\(group):dead" }

    func routingKey(topic: String, partition: Int) -> String { "\(topic).\(partition)" }

    /// FNV-1a (64 bits) of the key's UTF-8, modulo the partitions: part of the protocol between processes.
    func partition(of key: String) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in key.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return Int(hash % UInt64(partitions))
    }

    /// The arguments of a partition's queue. Dead-lettering is at-least-once: a message that cannot be put into the
    /// dead queue stays where it is, which RabbitMQ offers for queues that reject when they overflow.
    func queueArguments(group: String) -> [(String, AMQPValue)] {
        [
            ("x-queue-type", .text("quorum")), ("x-single-active-consumer", .bool(true)),
            ("x-delivery-limit", .integer(Int64(deliveryLimit))), ("x-overflow", .text("reject-publish")),
            ("x-dead-letter-exchange", .text("")),
            ("x-dead-letter-routing-key", .text(deadQueue(group: group))),
            ("x-dead-letter-strategy", .text("at-least-once")),
        ]
    }

    static var deadQueueArguments: [(String, AMQPValue)] { [("x-queue-type", .text("quorum"))] }

    // MARK: - Declaring

    /// The exchange, and the queues of a group for a topic with the dead queue behind them. Repeating it is harmless.
    func declare(group: String, topic: String, on connection: AMQPConnection, channel: UInt16)
        throws(AMQPFailure)
    {
        try connection.declareExchange(exchange, channel: channel)
        try connection.declareQueue(
            deadQueue(group: group), arguments: Self.deadQueueArguments, channel: channel)
        for partition in 0..<partitions {
            let queue = queue(group: group, topic: topic, partition: partition)
            try connection.declareQueue(queue, arguments: queueArguments(group: group), channel: channel)
            try connection.bindQueue(
                queue, exchange: exchange, routingKey: routingKey(topic: topic, partition: partition),
                channel: channel)
        }
    }
}
