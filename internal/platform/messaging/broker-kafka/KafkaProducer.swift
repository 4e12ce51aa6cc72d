import CRDKafka
import Foundation
import SoukBroker
import Synchronization

/// An idempotent producer and the thread that serves its delivery reports.
///
/// Order per key survives failures: nothing is dropped from the middle of the queue. librdkafka retries without
/// an end of its own; when a call's time is over, or the brokers fence the producer off, the whole producer is
/// retired: what is queued fails for all callers, nothing of it can go out later, and the next call gets a new
/// producer. What a failed call had published by then is a prefix of its messages in each partition.
///
/// Ownership: the thread holds the producer until ``close()`` or its retirement, and the client with it; each
/// message on its way holds a reference to its batch (`msg_opaque`), which the delivery report gives back.
final class KafkaProducer: Sendable {
    private struct State {
        /// Nil once no more messages are taken.
        var client: RDKafkaClient?
        var batches: [ObjectIdentifier: PublishBatch] = [:]
        var messages = 0
        var bytes = 0
        var ending: Ending?
    }

    private enum Ending {
        /// Closed: what is queued may still go out until then.
        case closed(flushUntil: ContinuousClock.Instant)
        case retired
    }

    private static let pollMilliseconds: Int32 = 100

    private let maximumMessages: Int
    private let maximumBytes: Int
    private let over = Completion()
    private let state = Mutex(State())

    /// - Throws: ``BrokerError/Reason/invalidArgument`` when the options do not work; never because the
    ///   cluster is away.
    init(_ options: KafkaOptions) throws(BrokerError) {
        maximumMessages = options.maximumQueuedMessages
        maximumBytes = options.maximumQueuedBytes
        let configuration = try RDKafkaConfiguration(options)
        try configuration.set("enable.idempotence", "true")
        try configuration.set("acks", "all")
        // Partitions as the Java client would choose them; without a key at random.
        try configuration.set("partitioner", "murmur2_random")
        try configuration.set("linger.ms", "1")
        // Only small messages share a batch, so that one that is too large for the broker fails alone.
        try configuration.set("batch.size", "65536")
        try configuration.set("message.max.bytes", "\(max(options.maximumMessageBytes + 16_384, 65_536))")
        // The bounds of the queue are the state's; time is the batches'.
        try configuration.set("queue.buffering.max.messages", "10000000")
        try configuration.set("queue.buffering.max.kbytes", "2147483647")
        try configuration.set("message.timeout.ms", "0")
        configuration.setCallbacks(
            { pointer in
                rd_kafka_conf_set_dr_msg_cb(pointer) { _, record, opaque in
                    guard let record, let opaque else { return }
                    let producer = Unmanaged<KafkaProducer>.fromOpaque(opaque).takeUnretainedValue()
                    producer.reported(record.pointee)
                }
            }, opaque: Unmanaged.passUnretained(self).toOpaque())
        let client = try configuration.makeClient(RD_KAFKA_PRODUCER)
        state.withLock { $0.client = client }
        let thread = Thread { [self] in serve(client) }
        thread.name = "kafka-producer"
        thread.start()
    }

    /// The client, for requests beside the messages; nil once the producer takes no more.
    var client: RDKafkaClient? { state.withLock { $0.client } }

    // MARK: - Publishing

    /// Publishes and waits for all confirmations; nil when the producer is retired and took nothing.
    ///
    /// - Throws: ``BrokerError/Reason/unavailable``, ``BrokerError/Reason/messageTooLarge``,
    ///   ``BrokerError/Reason/invalidArgument``.
    func publish(
        _ messages: [BrokerMessage], to topic: String, deadline: ContinuousClock.Instant
    ) async throws(BrokerError) -> Void? {
        let bytes = messages.reduce(0) { $0 + $1.size }
        let batch = PublishBatch(count: messages.count, bytes: bytes, deadline: deadline)
        let isTaken: Result<Bool, BrokerError> = state.withLock { state in
            guard let client = state.client else { return .success(false) }
            guard
                state.messages == 0
                    || state.messages + batch.count <= maximumMessages && state.bytes + bytes <= maximumBytes
            else {
                return .failure(
                    BrokerError(
                        .unavailable, detail: "\(state.messages) messages wait for the Kafka cluster already")
                )
            }
            state.messages += batch.count
            state.bytes += bytes
            state.batches[ObjectIdentifier(batch)] = batch
            // In the lock, so that the messages of a call stay together; librdkafka only copies them here.
            if let (unsent, error) = Self.enqueue(messages, of: batch, to: topic, on: client),
                batch.settle(error, count: unsent)
            {
                Self.forget(batch, &state)
            }
            return .success(true)
        }
        guard try isTaken.get() else { return nil }
        try await batch.result()
        return ()
    }

    /// Hands the messages over in order; stops at the first that is refused and says how many were not taken.
    private static func enqueue(
        _ messages: [BrokerMessage], of batch: PublishBatch, to topic: String, on client: RDKafkaClient
    ) -> (unsent: Int, BrokerError)? {
        for (index, message) in messages.enumerated() {
            let headers = KafkaHeaders.make(for: message)
            let opaque = Unmanaged.passRetained(batch)
            var key = message.key
            let code = key.withUTF8 { key in
                message.payload.withUnsafeBytes { payload in
                    souk_rd_kafka_produce(
                        client.pointer, topic, key.isEmpty ? nil : key.baseAddress, key.count,
                        payload.baseAddress, payload.count, headers, opaque.toOpaque())
                }
            }
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                rd_kafka_headers_destroy(headers)
                opaque.release()
                return (messages.count - index, .kafka(code, "publishing to \(topic)"))
            }
        }
        return nil
    }

    private static func forget(_ batch: PublishBatch, _ state: inout State) {
        guard state.batches.removeValue(forKey: ObjectIdentifier(batch)) != nil else { return }
        state.messages -= batch.count
        state.bytes -= batch.bytes
    }

    /// A delivery report, on the producer's thread.
    private func reported(_ record: rd_kafka_message_t) {
        guard let opaque = record._private else { return }
        let batch = Unmanaged<PublishBatch>.fromOpaque(opaque).takeRetainedValue()
        let failure: BrokerError? =
            record.err == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : .kafka(record.err, "publishing")
        if batch.settle(failure) { state.withLock { Self.forget(batch, &$0) } }
    }

    // MARK: - Thread

    private func serve(_ client: RDKafkaClient) {
        while true {
            rd_kafka_poll(client.pointer, Self.pollMilliseconds)
            let now = ContinuousClock.now
            let isFenced = client.fatalError != nil
            let ending: Ending? = state.withLock { state in
                if state.ending == nil,
                    isFenced || state.batches.values.contains(where: { $0.deadline <= now })
                {
                    state.ending = .retired
                    state.client = nil
                }
                return state.ending
            }
            switch ending {
            case nil: continue
            case .closed(let flushUntil)
            where rd_kafka_outq_len(client.pointer) > 0 && now < flushUntil && !isFenced:
                continue
            case .closed, .retired: break
            }
            break
        }
        // Whatever is left fails now, and can't go out any more.
        while rd_kafka_outq_len(client.pointer) > 0 {
            rd_kafka_purge(client.pointer, Int32(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT))
            rd_kafka_poll(client.pointer, Self.pollMilliseconds)
        }
        over.finish()
    }

    /// Takes no more messages, gives those on their way until then, and returns when the thread is done with
    /// them. Repeating it is harmless.
    func close(flushUntil: ContinuousClock.Instant) async {
        end(flushUntil: flushUntil)
        await over.wait()
    }

    /// The same without waiting.
    func end(flushUntil: ContinuousClock.Instant = .now) {
        state.withLock { state in
            state.client = nil
            if state.ending == nil { state.ending = .closed(flushUntil: flushUntil) }
        }
    }
}
