import CRDKafka
import Logging
import NIOPosix
import SoukBroker
import Synchronization

/// Sees to it that topics are there: asks for each until it was answered once, and creates what is missing
/// through the admin API.
///
/// A refusal is an answer too: whoever may not create topics, or talks to a cluster that creates them by
/// itself, goes on and learns from publishing and from the metadata whether the topic is there.
final class KafkaTopics: Sendable {
    private struct State {
        var declared: Set<String> = []
        var wanted: Set<String> = []
        var flight: Completion?
    }

    private let partitions: Int
    private let replicationFactor: Int?
    private let timeout: Duration
    private let threads: NIOThreadPool
    private let client: @Sendable () throws -> RDKafkaClient
    private let logger = Logger(label: "souk.broker.kafka")
    private let state = Mutex(State())

    /// - Parameter client: What to ask through; called on one of the threads.
    init(
        _ options: KafkaOptions, threads: NIOThreadPool,
        client: @escaping @Sendable () throws -> RDKafkaClient
    ) {
        partitions = options.partitions
        replicationFactor = options.replicationFactor
        timeout = options.requestTimeout
        self.threads = threads
        self.client = client
    }

    func areDeclared(_ topics: Set<String>) -> Bool { state.withLock { $0.declared.isSuperset(of: topics) } }

    /// Declares what is not declared yet, and waits for the answer, for at most the time of a request. One
    /// request is under way at a time; it carries all topics that were asked for before it began.
    func declare(_ topics: Set<String>) async {
        let deadline = ContinuousClock.now + timeout
        // The request that is under way may have begun without these topics; the next one has them.
        for _ in 0..<2 {
            guard let flight = start(topics) else { return }
            let left = deadline - ContinuousClock.now
            guard left > .zero, await flight.wait(atMost: left) else { return }
        }
    }

    /// Sees to it that the topics will be declared; nil when they are.
    @discardableResult
    func start(_ topics: Set<String>) -> Completion? {
        let (flight, wanted) = state.withLock { state -> (Completion?, Set<String>) in
            let missing = topics.subtracting(state.declared)
            guard !missing.isEmpty else { return (nil, []) }
            state.wanted.formUnion(missing)
            if let flight = state.flight { return (flight, []) }
            let flight = Completion()
            state.flight = flight
            defer { state.wanted = [] }
            return (flight, state.wanted)
        }
        if let flight, !wanted.isEmpty {
            // Unstructured, because several callers wait for the same request; its time is bounded.
            Task { await request(wanted, flight) }
        }
        return flight
    }

    private func request(_ topics: Set<String>, _ flight: Completion) async {
        // Nothing for a closing broker: nobody asks again.
        let declared = (try? await threads.runIfActive { [self] in try ensure(topics) }) ?? []
        state.withLock { state in
            state.declared.formUnion(declared)
            state.flight = nil
        }
        flight.finish()
    }

    /// Returns the topics that were answered for.
    private func ensure(_ topics: Set<String>) throws -> Set<String> {
        let client = try client()
        var missing: [String] = []
        for topic in topics.sorted() where try !client.hasTopic(topic, milliseconds: timeout.milliseconds) {
            missing.append(topic)
        }
        guard !missing.isEmpty else { return topics }
        let failures = client.createTopics(
            missing, partitions: partitions, replicationFactor: replicationFactor,
            milliseconds: timeout.milliseconds)
        for (topic, code) in failures {
            logger.info(
                "topic is not declared: \(String(cString: rd_kafka_err2str(code)))",
                metadata: ["topic": "\(topic)"])
        }
        return topics.filter { topic in failures[topic].map { !Self.isOutage($0) } ?? true }
    }

    private static func isOutage(_ code: rd_kafka_resp_err_t) -> Bool {
        switch code {
        case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
            RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__DESTROY, RD_KAFKA_RESP_ERR__RESOLVE,
            RD_KAFKA_RESP_ERR_NOT_CONTROLLER, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
            RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
            true
        default: false
        }
    }
}

extension Duration {
    /// Whole milliseconds, at most what librdkafka takes.
    var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        let value = seconds.multipliedReportingOverflow(by: 1_000)
        guard !value.overflow, value.partialValue < 3_600_000 else { return 3_600_000 }
        return Int32(max(0, value.partialValue + attoseconds / 1_000_000_000_000_000))
    }
}
