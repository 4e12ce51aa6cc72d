import Logging
package import SoukBroker
import Synchronization

/// The broker of a RabbitMQ server, 3.10 or later, through rabbitmq-c; see decision 0015 for the topology.
///
/// - Opening never fails because the server is away: calls throw ``BrokerError/Reason/unavailable`` within
///   ``RabbitMQOptions/requestTimeout`` until it is there, and its connections come back by themselves.
/// - `publish` returns when every message is confirmed: it is on the disk of a majority of each queue's replicas. A
///   topic that no group has read yet has no queues, and what is published to it is dropped.
/// - There is one connection, with a thread, for publishing and one for each group that is subscribed here: a group
///   whose queue gives no answer leaves the others alone.
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
        /// Those that were subscribed here; they stay until the broker is closed.
        var groups: [String: Group] = [:]
    }

    private struct Group {
        let consumer: ConnectionLoop<ConsumerWork>
        /// What its members asked for.
        var topics: Set<String> = []
    }

    private let options: RabbitMQOptions
    private let publisher: Publisher
    private let logger = Logger(label: "souk.broker")
    private let state = Mutex(State())

    /// Starts the thread that publishes.
    ///
    /// - Throws: ``BrokerError/Reason/invalidArgument`` for options that make no sense.
    package static func open(_ options: RabbitMQOptions) throws(BrokerError) -> RabbitMQBroker {
        try options.validate()
        return RabbitMQBroker(options)
    }

    private init(_ options: RabbitMQOptions) {
        self.options = options
        publisher = Publisher(options, logger: logger)
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
            return RabbitMQSubscription(
                id: state.lastSubscription, topics: topics, group: group, prefetch: options.prefetch,
                loop: consumer(of: group, &state), timeout: self.options.requestTimeout)
        }
        let outcome = Outcome<Void>()
        guard let subscription, subscription.loop.post(.join(subscription, outcome)) else {
            throw BrokerError(.closed)
        }
        do {
            try await outcome.value(within: self.options.requestTimeout, "joining group \(group)") {
                subscription.loop.interrupt()
            }
        } catch {
            // It may have joined just then.
            await subscription.close()
            throw error
        }
        state.withLock { $0.groups[group]?.topics.formUnion(topics) }
        return subscription
    }

    private func consumer(of group: String, _ state: inout State) -> ConnectionLoop<ConsumerWork> {
        if let known = state.groups[group] { return known.consumer }
        let consumer = ConnectionLoop(options, name: "souk-rabbitmq-\(group)", logger: logger) {
            [options, logger] in ConsumerWork(options, logger: logger)
        }
        state.groups[group] = Group(consumer: consumer)
        return consumer
    }

    package func lag(group: String) async throws(BrokerError) -> [String: Int] {
        try checkOpen()
        guard let known = state.withLock({ $0.groups[group] }), !known.topics.isEmpty else { return [:] }
        let outcome = Outcome<[String: Int]>()
        guard known.consumer.post(.lag(group: group, topics: known.topics.sorted(), outcome)) else {
            throw BrokerError(.closed)
        }
        return try await outcome.value(within: options.requestTimeout, "counting the lag of \(group)") {
            known.consumer.interrupt()
        }
    }

    package func close() async {
        let consumers = state.withLock { state in
            state.isClosed = true
            return state.groups.values.map(\.consumer)
        }
        // Unstructured, because a cancelled caller must not leave threads behind.
        await Task { [publisher] in
            await withTaskGroup(of: Void.self) { tasks in
                for consumer in consumers { tasks.addTask { await consumer.stop() } }
                await publisher.close()
            }
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
