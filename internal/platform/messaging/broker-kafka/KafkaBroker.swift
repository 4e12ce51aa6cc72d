package import Metrics
import NIOPosix
package import SoukBroker
import Synchronization

/// A broker on a Kafka cluster, through librdkafka.
///
/// - Opening never needs the cluster. While it is away `publish` and `lag` fail within their times with
///   ``BrokerError/Reason/unavailable``, subscriptions wait; everything goes on by itself when it is back.
/// - `publish` returns when all in-sync replicas have the messages (`acks=all`, idempotent producer). Kafka has
///   no all-or-none without transactions: after ``BrokerError/Reason/unavailable`` some of the messages may be
///   there, in each partition those that come first. Publishing all of them again keeps the order of each key,
///   apart from repetitions. When the time of one call is over, the calls beside it fail with it.
/// - The key chooses the partition, as the Java client would; messages without one go anywhere. More partitions
///   later mean that keys move, and order across the move is nobody's.
/// - Topics are created with the partitions and replicas of the options before they are first used, and by nothing else.
///   What exists stays as it is; a log line and a metric report another number of partitions. Where the cluster has no
///   such topic and refuses to make it, `publish` says why.
/// - All subscriptions of a group in this process share one Kafka consumer. A group's progress in a partition
///   is one offset: below it everything is acknowledged. It is committed five times a second and before a
///   partition goes to another process. What was acknowledged above it, or since the last commit, is delivered
///   again after a crash, or when the partition moves on while a message below stays unacknowledged; delivery
///   counts live in memory and begin at 1 then.
/// - A message that stays unacknowledged holds back its key, until the group is
///   ``KafkaOptions/lookAheadMessages`` messages ahead of it in the partition, or holds
///   ``KafkaOptions/lookAheadBytes`` in all; then that partition is read no further before it is settled.
/// - Where the log does not go on at the group's offset, the group reads on at the earliest message that exists: all of it
///   where a topic was made again, what retention left where the group fell behind. It is logged and counted.
/// - ``checkReadiness()`` never waits: it says whether the cluster responded a moment ago.
/// - ``lag(group:)`` knows the topics that the group has committed offsets for, and those it reads in this
///   process.
package final class KafkaBroker: Broker {
    private struct State {
        var groups: [String: GroupConsumer] = [:]
        var closing: Task<Void, Never>?
    }

    package var capabilities: BrokerCapabilities { .all }

    private let options: KafkaOptions
    private let metrics: KafkaMetrics
    private let producers: ProducerSlot
    /// For requests that block, and for the making of producers.
    private let threads = NIOThreadPool(numberOfThreads: 2)
    private let topics: KafkaTopics
    private let lags: KafkaLag
    private let health: KafkaHealth
    private let state = Mutex(State())

    private init(_ options: KafkaOptions, _ metrics: KafkaMetrics) throws(BrokerError) {
        self.options = options
        self.metrics = metrics
        let producers = try ProducerSlot(options)
        self.producers = producers
        let topics = KafkaTopics(options, metrics: metrics, threads: threads) { () throws(BrokerError) in
            try producers.client()
        }
        self.topics = topics
        lags = KafkaLag(options)
        health = try KafkaHealth { () throws(BrokerError) in
            try producers.client().ask(
                about: topics.anyDeclared, milliseconds: Self.healthTimeout.milliseconds)
        }
        threads.start()
    }

    /// How long the cluster may take to respond and still counts as there.
    private static let healthTimeout: Duration = .seconds(2)

    /// Checks the options and starts the threads; connects when there is something to do.
    ///
    /// - Throws: ``BrokerError/Reason/invalidArgument`` when the options do not work, a file that cannot be
    ///   read among them; never because the cluster is away.
    package static func open(
        _ options: KafkaOptions, metrics: any MetricsFactory = MetricsSystem.factory
    ) throws(BrokerError) -> KafkaBroker {
        try options.validate()
        return try KafkaBroker(options, KafkaMetrics(factory: metrics))
    }

    // MARK: - Publishing

    package func publish(_ messages: [BrokerMessage], to topic: String) async throws(BrokerError) {
        try checkOpen()
        guard !topic.isEmpty else { throw BrokerError(.invalidArgument, detail: "a topic has a name") }
        guard !messages.isEmpty else { return }
        let topic = options.prefix + topic
        for message in messages where message.size > options.maximumMessageBytes {
            throw BrokerError(
                .messageTooLarge, detail: "\(message.size) of at most \(options.maximumMessageBytes) bytes")
        }
        let deadline = ContinuousClock.now + options.publishTimeout
        await topics.declare([topic])
        if let refusal = topics.refusal(of: topic) { throw refusal }
        do throws(BrokerError) {
            try await publish(messages, to: topic, deadline: deadline)
        } catch {
            if error.reason == .unavailable { topics.doubt([topic]) }
            throw error
        }
    }

    private func publish(
        _ messages: [BrokerMessage], to topic: String, deadline: ContinuousClock.Instant
    ) async throws(BrokerError) {
        // A producer may be retired between the two lines, once by whoever shares it.
        for _ in 0..<3 {
            let producer = try await producers.producer(on: threads)
            if try await producer.publish(messages, to: topic, deadline: deadline) != nil { return }
        }
        throw BrokerError(.unavailable, detail: "the Kafka producer is being replaced")
    }

    // MARK: - Subscribing

    package func subscribe(
        to topics: [String], group name: String, options: SubscriptionOptions
    ) async throws(BrokerError) -> any BrokerSubscription {
        guard !topics.isEmpty, topics.allSatisfy({ !$0.isEmpty }), !name.isEmpty else {
            throw BrokerError(
                .invalidArgument, detail: "a subscription names its group and at least one topic")
        }
        try checkOpen()
        let topics = Set(topics.map { self.options.prefix + $0 })
        await self.topics.declare(topics)
        while true {
            let group = try group(self.options.prefix + name)
            if let member = group.join(topics: topics, prefetch: options.prefetch) {
                return KafkaSubscription(group: group, member: member)
            }
            // Its last member left a moment ago; the next consumer joins when that one is gone.
            guard await group.end.wait(atMost: self.options.closeTimeout), !Task.isCancelled else {
                throw BrokerError(.unavailable, detail: "group \(name) is still being left")
            }
        }
    }

    /// The group's consumer, made where there is none.
    private func group(_ name: String) throws(BrokerError) -> GroupConsumer {
        let group: Result<GroupConsumer, BrokerError> = state.withLock { state in
            guard state.closing == nil else { return .failure(BrokerError(.closed)) }
            if let group = state.groups[name] { return .success(group) }
            do throws(BrokerError) {
                let group = try GroupConsumer(name: name, options: options, topics: topics, metrics: metrics)
                {
                    [weak self] group in
                    self?.forget(group)
                }
                state.groups[name] = group
                return .success(group)
            } catch {
                return .failure(error)
            }
        }
        return try group.get()
    }

    private func forget(_ group: GroupConsumer) {
        state.withLock { state in
            if state.groups[group.name] === group { state.groups[group.name] = nil }
        }
    }

    // MARK: - Lag and readiness

    package func lag(group name: String) async throws(BrokerError) -> [String: Int] {
        try checkOpen()
        let name = options.prefix + name
        let group = state.withLock { $0.groups[name] }
        let lags = try await lags.lag(
            of: name, subscribed: group?.subscribedTopics ?? [], progress: { group?.progress ?? [:] })
        let named = lags.compactMap { topic, lag in options.name(ofTopic: topic).map { ($0, lag) } }
        return Dictionary(uniqueKeysWithValues: named)
    }

    package func checkReadiness() async throws(BrokerError) {
        try checkOpen()
        try health.check()
    }

    // MARK: - Closing

    package func close() async {
        let closing = state.withLock { state in
            if let closing = state.closing { return closing }
            let groups = Array(state.groups.values)
            // Unstructured, because several callers wait for the same closing and the cancellation of one
            // must not keep the offsets from being committed.
            let closing = Task { [options, producers, threads, lags, health] in
                health.close()
                await withDiscardingTaskGroup { tasks in
                    tasks.addTask { await producers.close(flushUntil: .now + options.closeTimeout) }
                    for group in groups { tasks.addTask { await group.close() } }
                }
                await lags.close()
                // Fails for a pool that was shut down before.
                try? await threads.shutdownGracefully()
            }
            state.closing = closing
            return closing
        }
        await closing.value
    }

    private func checkOpen() throws(BrokerError) {
        if state.withLock({ $0.closing != nil }) { throw BrokerError(.closed) }
    }
}

/// A member of a group.
private final class KafkaSubscription: BrokerSubscription {
    private let group: GroupConsumer
    private let member: GroupConsumer.State.MemberID

    init(group: GroupConsumer, member: GroupConsumer.State.MemberID) {
        self.group = group
        self.member = member
    }

    func next() async throws(BrokerError) -> Delivery? {
        await group.next(member)
    }

    func close() async {
        // Unstructured, because a cancelled caller must not keep the offsets from being committed.
        await Task { [group, member] in await group.leave(member) }.value
    }
}
