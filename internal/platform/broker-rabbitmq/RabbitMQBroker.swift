import Logging
package import SoukBroker
import Synchronization

/// The broker of a RabbitMQ server, 3.10 or later, through rabbitmq-c; see decision 0015 for the topology.
///
/// - Opening never fails because the server is away: calls throw ``BrokerError/Reason/unavailable`` within
///   ``RabbitMQOptions/requestTimeout`` until it is there, and both connections come back by themselves.
/// - `publish` returns when every message is confirmed: it is on the disk of a majority of each queue's replicas. A
///   topic that no group has read yet has no queues, and what is published to it is dropped.
/// - A group starts with what is published after its first subscription. Queues are declared when a group subscribes,
///   and again after every reconnect.
/// - Order holds for each key, across members too. A member that leaves or dies gives its messages to the next in
///   order. Each queue is read by one member at a time: members of a group that came later stand by for it.
/// - `nack(after:)` keeps the message and its delay in the process: a restart delivers it at once.
/// - `deliveryCount` counts the deliveries in this process and how often the server took the message back.
/// - `lag(group:)` covers the topics that this client has subscribed the group to: the messages that wait on the
///   server and those in hand in this process (not those in the hands of other processes); where messages lie in the
///   group's dead queue, that is listed by its name.
package final class RabbitMQBroker: Broker {
    package let capabilities: BrokerCapabilities = BrokerCapabilities.all.subtracting(.replayFromEarliest)

    private struct State {
        var isClosed = false
        var lastSubscription = 0
        /// The topics of each group that was subscribed here.
        var groups: [String: Set<String>] = [:]
    }

    private let options: RabbitMQOptions
    private let publisher: Publisher
    private let consumer: ConnectionLoop<ConsumerWork>
    private let state = Mutex(State())

    /// Starts the threads that connect.
    ///
    /// - Throws: ``BrokerError/Reason/invalidArgument`` for options that make no sense.
    package static func open(_ options: RabbitMQOptions) throws(BrokerError) -> RabbitMQBroker {
        try options.validate()
        return RabbitMQBroker(options)
    }

    private init(_ options: RabbitMQOptions) {
        let logger = Logger(label: "souk.broker")
        self.options = options
        publisher = Publisher(options, logger: logger)
        consumer = ConnectionLoop(options, name: "souk-rabbitmq-consumer", logger: logger) {
            ConsumerWork(options, logger: logger)
        }
    }

    package func publish(_ messages: [BrokerMessage], to topic: String) async throws(BrokerError) {
        try checkOpen()
        try Self.checkName(topic, "topic")
        guard !messages.isEmpty else { return }
        var bytes = 0
        for message in messages {
            bytes += try MessageMapping.check(message, maximumBytes: options.maximumMessageBytes)
        }
        try await publisher.publish(messages, bytes: bytes, to: topic)
    }

    package func subscribe(
        to topics: [String], group: String, options: SubscriptionOptions
    ) async throws(BrokerError) -> any BrokerSubscription {
        try Self.checkName(group, "group")
        guard !topics.isEmpty else {
            throw BrokerError(.invalidArgument, detail: "a subscription names at least one topic")
        }
        for topic in topics { try Self.checkName(topic, "topic") }
        let topics = Set(topics).sorted()
        let subscription: RabbitMQSubscription? = state.withLock { state in
            guard !state.isClosed else { return nil }
            state.lastSubscription += 1
            let subscription = RabbitMQSubscription(
                id: state.lastSubscription, topics: topics, group: group, prefetch: options.prefetch,
                loop: consumer, timeout: self.options.requestTimeout)
            return subscription
        }
        let outcome = Outcome<Void>()
        guard let subscription, consumer.post(.join(subscription, outcome)) else {
            throw BrokerError(.closed)
        }
        do {
            try await outcome.value(within: self.options.requestTimeout, "joining group \(group)") {
                [consumer] in consumer.interrupt()
            }
        } catch {
            // It may have joined just then.
            await subscription.close()
            throw error
        }
        state.withLock { $0.groups[group, default: []].formUnion(topics) }
        return subscription
    }

    package func lag(group: String) async throws(BrokerError) -> [String: Int] {
        try checkOpen()
        let topics = state.withLock { $0.groups[group] ?? [] }
        guard !topics.isEmpty else { return [:] }
        let outcome = Outcome<[String: Int]>()
        guard consumer.post(.lag(group: group, topics: topics.sorted(), outcome)) else {
            throw BrokerError(.closed)
        }
        return try await outcome.value(within: options.requestTimeout, "counting the lag of \(group)") {
            [consumer] in consumer.interrupt()
        }
    }

    package func close() async {
        state.withLock { $0.isClosed = true }
        // Unstructured, because a cancelled caller must not leave threads behind.
        await Task { [consumer, publisher] in
            async let consuming: Void = consumer.stop()
            async let publishing: Void = publisher.close()
            _ = await (consuming, publishing)
        }.value
    }

    private func checkOpen() throws(BrokerError) {
        guard !state.withLock({ $0.isClosed }) else { throw BrokerError(.closed) }
    }

    private static func checkName(_ name: String, _ what: String) throws(BrokerError) {
        guard Topology.isName(name) else {
            throw BrokerError(
                .invalidArgument,
                detail: "a \(what) has 1 to 100 bytes without blanks, control characters, ':', '*' and '#'")
        }
    }
}
