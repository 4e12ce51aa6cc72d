import ArgumentParser
import SoukBroker

/// How much goes through a broker, in what pieces.
struct BrokerLoadOptions: ParsableArguments {
    @Option var messages = 20_000
    @Option(help: "Size of a payload in bytes.") var size = 256
    @Option(help: "Messages of one call of publish.") var batch = 256
    @Option(help: "Calls of publish at once.") var publishers = 8
    @Option(help: "What a member of the group may hold unacknowledged.") var prefetch = 1_000
}

/// The two loops that every broker runs: publish and wait for the confirmation, receive and acknowledge.
struct BrokerLoops {
    let broker: any Broker
    let topic: String
    let group: String
    let options: BrokerLoadOptions

    /// Publishes all messages, each call waiting until its messages are confirmed.
    func publish() async throws -> Measurement {
        let payload = [UInt8](repeating: 0x78, count: options.size)
        let (total, batch) = (options.messages, options.batch)
        let meter = Meter()
        try await withThrowingDiscardingTaskGroup { tasks in
            for publisher in 0..<options.publishers {
                tasks.addTask { [broker, topic, options] in
                    var first = publisher * batch
                    while first < total {
                        let messages = (first..<min(first + batch, total)).map { number in
                            BrokerMessage(id: "\(number)", key: "key-\(number % 1_000)", payload: payload)
                        }
                        try await broker.publish(messages, to: topic)
                        first += batch * options.publishers
                    }
                }
            }
        }
        return meter.measurement("publish", operations: total)
    }

    /// Joins the group and acknowledges as many messages as were published. The time begins with the first one, so
    /// that joining does not count.
    func consume() async throws -> Measurement {
        let subscription = try await broker.subscribe(
            to: [topic], group: group, options: SubscriptionOptions(prefetch: options.prefetch))
        guard let first = try await subscription.next() else {
            throw ValidationError("the subscription ended")
        }
        let meter = Meter()
        try await first.ack()
        for _ in 1..<options.messages {
            guard let delivery = try await subscription.next() else {
                throw ValidationError("the subscription ended")
            }
            try await delivery.ack()
        }
        let measured = meter.measurement("consume", operations: options.messages)
        await subscription.close()
        return measured
    }
}
