import CRDKafka
import Logging
import SoukBroker

/// One Kafka consumer from its joining to its leaving; everything happens on the thread that runs it.
///
/// Each partition has a queue of its own in librdkafka, which is read only while the group has room: what is not
/// read stops the fetching of that partition by itself, and everything else goes on. The thread polls the
/// consumer all the time, so slow handlers cost nobody the membership.
///
/// Ownership: the session holds the client and its queues; it closes the consumer and destroys the queues before
/// it lets go of the client. librdkafka's callbacks come from within the calls below, so the opaque pointer to
/// the session is never older than the session.
final class ConsumerSession {
    private static let batch = 256
    private static let idleMilliseconds: Int32 = 200
    private static let commitEvery: Duration = .milliseconds(200)
    private static let commitRetryMilliseconds: Int32 = 50
    private static let declareEvery: Duration = .seconds(5)

    let group: GroupConsumer
    let wakeup: WakeupFile
    let logger = Logger(label: "souk.broker.kafka")
    // Set by the initialiser, after the callbacks that need the session as their opaque pointer.
    // swift-format-ignore: NeverUseImplicitlyUnwrappedOptionals
    private(set) var client: RDKafkaClient!
    private var consumerQueue: OpaquePointer?
    private var commitQueue: OpaquePointer?
    var queues: [PartitionID: OpaquePointer] = [:]
    private var subscribed: Set<String> = []
    private var declareDue = ContinuousClock.now
    private var commitDue = ContinuousClock.now
    /// The partitions of the commit that is under way.
    private var committing: [PartitionID]?
    /// The group has given this consumer partitions, once at least.
    var hadAssignment = false
    /// A topic was deleted, or offsets are not to be had: nothing is read and committed any more, and another consumer
    /// begins anew.
    var isSpent = false

    /// - Throws: ``BrokerError/Reason/invalidArgument``, ``BrokerError/Reason/unavailable`` when there is no
    ///   thread or file to be had.
    init(_ group: GroupConsumer) throws(BrokerError) {
        self.group = group
        wakeup = group.wakeup
        let options = group.options
        let session = options.sessionTimeout.milliseconds
        let configuration = try RDKafkaConfiguration(options)
        try configuration.set("group.id", group.name)
        try configuration.set("enable.auto.commit", "false")
        try configuration.set("enable.auto.offset.store", "false")
        try configuration.set("auto.offset.reset", "earliest")
        try configuration.set("isolation.level", "read_committed")
        try configuration.set("partition.assignment.strategy", "cooperative-sticky")
        try configuration.set("session.timeout.ms", "\(session)")
        try configuration.set("heartbeat.interval.ms", "\(max(1, min(3_000, session / 3)))")
        // Of each partition, beside what the group has in hand. Bounded by size alone: where either is exceeded, librdkafka before
        // 2.2 fetches nothing of the partition for a second.
        try configuration.set("queued.min.messages", "100000")
        try configuration.set("queued.max.messages.kbytes", "2048")
        try configuration.set("max.partition.fetch.bytes", "524288")
        try configuration.set("fetch.max.bytes", "\(max(8 << 20, options.maximumMessageBytes + (1 << 20)))")
        try configuration.set("fetch.wait.max.ms", "250")
        try configuration.set("fetch.error.backoff.ms", "100")
        configuration.setCallbacks(
            { pointer in
                rd_kafka_conf_set_rebalance_cb(pointer) { _, code, partitions, opaque in
                    guard let opaque else { return }
                    Unmanaged<ConsumerSession>.fromOpaque(opaque).takeUnretainedValue()
                        .rebalance(code, partitions)
                }
                rd_kafka_conf_set_error_cb(pointer) { _, code, reason, opaque in
                    guard let opaque else { return }
                    Unmanaged<ConsumerSession>.fromOpaque(opaque).takeUnretainedValue()
                        .failed(rd_kafka_resp_err_t(rawValue: code), reason)
                }
            }, opaque: Unmanaged.passUnretained(self).toOpaque())
        client = try configuration.makeClient(RD_KAFKA_CONSUMER, keeping: wakeup)
    }

    // MARK: - Loop

    /// Joins the group and serves it until its last member left, or the brokers fence the consumer off.
    func run() {
        rd_kafka_poll_set_consumer(client.pointer)
        consumerQueue = rd_kafka_queue_get_consumer(client.pointer)
        commitQueue = rd_kafka_queue_new(client.pointer)
        if let consumerQueue { wakeup.attach(to: consumerQueue) }
        if let commitQueue { wakeup.attach(to: commitQueue) }
        while !group.isClosing {
            if let reason = client.fatalError {
                logger.error(
                    "the consumer is fenced off and gets replaced: \(reason)",
                    metadata: ["group": "\(group.name)"])
                break
            }
            subscribe()
            poll()
            if isSpent {
                logger.warning(
                    "a topic that the group reads is gone, or its offsets are: the consumer gets replaced",
                    metadata: ["group": "\(group.name)"])
                break
            }
            let isMore = read()
            let due = group.promoteDue()
            commit()
            if !isMore { wait(until: due) }
        }
        leave()
    }

    private func wait(until due: ContinuousClock.Instant?) {
        let left = due.map { ($0 - ContinuousClock.now).milliseconds + 1 } ?? Self.idleMilliseconds
        wakeup.wait(milliseconds: min(left, Self.idleMilliseconds))
    }

    /// Subscribes to what the members read, and has declared what is not yet.
    private func subscribe() {
        let topics = group.subscribedTopics
        guard !topics.isEmpty else { return }
        let now = ContinuousClock.now
        if declareDue <= now, !group.topics.areDeclared(topics) {
            group.topics.start(topics)
            declareDue = now + Self.declareEvery
        }
        guard topics != subscribed else { return }
        let list = RDKafkaPartitions(topics: topics)
        let code = rd_kafka_subscribe(client.pointer, list.pointer)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            logger.error(
                "subscribing: \(String(cString: rd_kafka_err2str(code)))",
                metadata: ["group": "\(group.name)"])
            return
        }
        subscribed = topics
    }

    /// Serves the group's protocol: rebalances, errors.
    private func poll() {
        while let record = rd_kafka_consumer_poll(client.pointer, 0) {
            defer { rd_kafka_message_destroy(record) }
            // Partitions have queues of their own; a message here was on its way before its queue.
            guard record.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
                report(record)
                continue
            }
            guard let topic = record.pointee.rkt else { continue }
            let partition = PartitionID(
                topic: String(cString: rd_kafka_topic_name(topic)), partition: record.pointee.partition)
            group.append(
                [(record.pointee.offset, KafkaHeaders.read(record))], to: partition,
                logStart: client.logStart(of: partition))
        }
    }

    /// From within the polling of the consumer and of the partitions' queues.
    private func failed(_ code: rd_kafka_resp_err_t, _ reason: UnsafePointer<CChar>?) {
        note(code)
        logger.warning("\(reason.map { String(cString: $0) } ?? "")", metadata: ["group": "\(group.name)"])
    }

    /// Notices what says that a topic of this consumer is gone.
    private func note(_ code: rd_kafka_resp_err_t) {
        switch code {
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
            isSpent = true
            group.topics.doubt(subscribed)
        default: break
        }
    }

    private func report(_ record: UnsafePointer<rd_kafka_message_t>) {
        let text = rd_kafka_message_errstr(record).map { String(cString: $0) } ?? ""
        // A topic that is not there is created, again where it was deleted, and found when it is there.
        let isMissing = record.pointee.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
        if isMissing { group.topics.doubt(subscribed) }
        let level: Logger.Level = isMissing ? .info : .warning
        logger.log(level: level, "consuming: \(text)", metadata: ["group": "\(group.name)"])
    }

    /// Reads from every partition that has room; true when there may be more.
    private func read() -> Bool {
        var isMore = false
        for (partition, room) in group.rooms() {
            guard let queue = queues[partition] else { continue }
            var records = [UnsafeMutablePointer<rd_kafka_message_t>?](
                repeating: nil, count: min(room, Self.batch))
            let count = rd_kafka_consume_batch_queue(queue, 0, &records, records.count)
            guard count > 0 else { continue }
            isMore = true
            var messages: [(offset: Int64, message: BrokerMessage)] = []
            messages.reserveCapacity(count)
            for case let record? in records.prefix(count) {
                if record.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                    messages.append((record.pointee.offset, KafkaHeaders.read(record)))
                } else {
                    report(record)
                }
                rd_kafka_message_destroy(record)
            }
            group.append(messages, to: partition, logStart: client.logStart(of: partition))
        }
        return isMore
    }

    // MARK: - Commits

    /// Commits how far the group is, one commit at a time, each some time after the last.
    private func commit() {
        if committing != nil { finishCommit(milliseconds: 0) }
        let now = ContinuousClock.now
        guard committing == nil, commitDue <= now else { return }
        commitDue = now + Self.commitEvery
        startCommit(group.takeCommits())
    }

    private func startCommit(_ offsets: [PartitionID: Int64]) {
        guard !offsets.isEmpty else { return }
        let list = RDKafkaPartitions(offsets)
        let code = rd_kafka_commit_queue(client.pointer, list.pointer, commitQueue, nil, nil)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR {
            committing = Array(offsets.keys)
        } else {
            failed(Array(offsets.keys), code)
        }
    }

    /// Takes the answer to the commit that is under way; waits for it up to the time.
    private func finishCommit(milliseconds: Int32) {
        guard let partitions = committing, let event = rd_kafka_queue_poll(commitQueue, milliseconds) else {
            return
        }
        defer { rd_kafka_event_destroy(event) }
        committing = nil
        let code = rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return failed(partitions, code) }
        let refused = RDKafkaPartitionEntry.read(rd_kafka_event_topic_partition_list(event))
            .filter { $0.code != RD_KAFKA_RESP_ERR_NO_ERROR }
        if let first = refused.first { failed(refused.map(\.id), first.code) }
    }

    /// They are committed again with the next: until then a crash costs repetitions, no message.
    private func failed(_ partitions: [PartitionID], _ code: rd_kafka_resp_err_t) {
        group.commitFailed(partitions)
        note(code)
        logger.info(
            "committing: \(String(cString: rd_kafka_err2str(code)))", metadata: ["group": "\(group.name)"])
    }

    /// Commits what is done in the partitions before they are given up, again where that fails, within the time of two requests.
    func commitNow(_ partitions: [PartitionID]) {
        let deadline = ContinuousClock.now + group.options.requestTimeout * 2
        var left: Int32 { (deadline - .now).milliseconds }
        var isRepeated = false
        while true {
            finishCommit(milliseconds: left)
            guard committing == nil, !isSpent, left > 0 else { return }
            let offsets = group.takeCommits(partitions)
            guard !offsets.isEmpty else { return }
            if isRepeated { wakeup.wait(milliseconds: Self.commitRetryMilliseconds) }
            isRepeated = true
            startCommit(offsets)
        }
    }

    // MARK: - Leaving

    /// Commits, leaves the group and lets go of everything.
    private func leave() {
        let isClosed = close()
        // Without a last rebalance, when the consumer had no part in the group.
        giveUp(group.partitions)
        if let consumerQueue { rd_kafka_queue_destroy(consumerQueue) }
        if let commitQueue { rd_kafka_queue_destroy(commitQueue) }
        consumerQueue = nil
        commitQueue = nil
        // librdkafka before 2.3 asserts when it destroys a consumer that joined and was never given an assignment (#4308).
        if !hadAssignment || !isClosed { client.abandon() }
        client = nil
    }

    /// Closes the consumer, for a bounded time: librdkafka before 2.1 may never be done after a topic was deleted. False when
    /// it is not done.
    private func close() -> Bool {
        let queue = rd_kafka_queue_new(client.pointer)
        defer { rd_kafka_queue_destroy(queue) }
        check(rd_kafka_consumer_close_queue(client.pointer, queue))
        let deadline = ContinuousClock.now + group.options.closeTimeout
        while rd_kafka_consumer_closed(client.pointer) == 0 {
            guard ContinuousClock.now < deadline else {
                logger.warning("the consumer does not close", metadata: ["group": "\(group.name)"])
                return false
            }
            rd_kafka_queue_poll_callback(queue, Self.idleMilliseconds)
        }
        return true
    }
}
