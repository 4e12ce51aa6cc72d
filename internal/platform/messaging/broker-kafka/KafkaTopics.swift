import CRDKafka
import Foundation
import Logging
import NIOPosix
import SoukBroker
import Synchronization

/// Makes topics before anything is published to them or read from them, and checks what is there.
///
/// Each topic is created first, with the settings of the options, and looked up afterwards: looking it up first would have a
/// cluster that creates topics by itself make it with its own settings. A topic that is there keeps what it has: with
/// another number of partitions it works as well, so that is reported and not refused.
final class KafkaTopics: Sendable {
    private struct State {
        var declared: Set<String> = []
        var refused: [String: Refusal] = [:]
        var wanted: Set<String> = []
        var flight: Completion?
    }

    private struct Refusal {
        let error: BrokerError
        let until: ContinuousClock.Instant
    }

    /// What a cluster said of a topic.
    private enum Finding {
        case partitions(Int)
        case refused(BrokerError)
    }

    /// For how long nobody asks again for a topic that the cluster refused.
    private static let refusalTime: Duration = .seconds(5)

    private let partitions: Int
    private let replicationFactor: Int?
    private let timeout: Duration
    private let metrics: KafkaMetrics
    private let threads: NIOThreadPool
    private let client: @Sendable () throws(BrokerError) -> RDKafkaClient
    private let logger = Logger(label: "souk.broker.kafka")
    private let state = Mutex(State())

    /// - Parameter client: What to ask through; called on one of the threads.
    init(
        _ options: KafkaOptions, metrics: KafkaMetrics, threads: NIOThreadPool,
        client: @escaping @Sendable () throws(BrokerError) -> RDKafkaClient
    ) {
        partitions = options.partitions
        replicationFactor = options.replicationFactor
        timeout = options.requestTimeout
        self.metrics = metrics
        self.threads = threads
        self.client = client
    }

    /// A topic that is there.
    var anyDeclared: String? { state.withLock { $0.declared.first } }

    func areDeclared(_ topics: Set<String>) -> Bool { state.withLock { $0.declared.isSuperset(of: topics) } }

    /// Has topics declared again before they are used again: they may have been deleted.
    func doubt(_ topics: Set<String>) {
        state.withLock { $0.declared.subtract(topics) }
    }

    /// Why the cluster has no such topic and makes none, as it said a moment ago.
    func refusal(of topic: String) -> BrokerError? {
        state.withLock { state in
            guard !state.declared.contains(topic), let refusal = state.refused[topic],
                refusal.until > .now
            else { return nil }
            return refusal.error
        }
    }

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
            let now = ContinuousClock.now
            let missing = topics.subtracting(state.declared).filter { topic in
                state.refused[topic].map { $0.until <= now } ?? true
            }
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
        // Nothing for a closing broker, and after an outage: then it is asked again.
        let findings = (try? await threads.runIfActive { [self] in try find(topics) }) ?? [:]
        let until = ContinuousClock.now + Self.refusalTime
        state.withLock { state in
            for (topic, finding) in findings {
                switch finding {
                case .partitions: state.declared.insert(topic)
                case .refused(let error): state.refused[topic] = Refusal(error: error, until: until)
                }
            }
            state.flight = nil
        }
        for (topic, finding) in findings { report(finding, of: topic) }
        flight.finish()
    }

    private func report(_ finding: Finding, of topic: String) {
        switch finding {
        case .partitions(let count):
            metrics.partitions(of: topic, difference: count - partitions)
            guard count != partitions else { return }
            logger.warning(
                "a topic has other partitions than SOUK_KAFKA_PARTITIONS asks for, and keeps them",
                metadata: ["topic": "\(topic)", "partitions": "\(count)", "wanted": "\(partitions)"])
        case .refused(let error):
            logger.error("\(error)", metadata: ["topic": "\(topic)"])
        }
    }

    /// Creates the topics and looks them up. A topic is left out where the cluster could not be asked.
    private func find(_ topics: Set<String>) throws(BrokerError) -> [String: Finding] {
        let deadline = ContinuousClock.now + timeout
        let client = try client()
        let failures = client.createTopics(
            topics.sorted(), partitions: partitions, replicationFactor: replicationFactor,
            milliseconds: timeout.milliseconds)
        var findings: [String: Finding] = [:]
        for topic in topics.sorted() {
            do throws(BrokerError) {
                findings[topic] = try find(topic, creation: failures[topic], client, deadline: deadline)
            } catch  where error.reason == .invalidArgument {
                // One bad name is no reason to leave out the others.
                findings[topic] = .refused(error)
            } catch {
                continue
            }
        }
        return findings
    }

    /// - Parameter creation: Why the topic was not created; nil when it was, or was there already.
    private func find(
        _ topic: String, creation: rd_kafka_resp_err_t?, _ client: RDKafkaClient,
        deadline: ContinuousClock.Instant
    ) throws(BrokerError) -> Finding? {
        while true {
            let left = deadline - .now
            guard left > .zero else { return nil }
            if let count = try client.partitionCount(of: topic, milliseconds: left.milliseconds) {
                return .partitions(count)
            }
            if let creation {
                return Self.isOutage(creation) ? nil : .refused(.kafka(creation, "creating topic \(topic)"))
            }
            // It was made a moment ago: the brokers hear of it one after the other.
            Thread.sleep(forTimeInterval: 0.05)
        }
    }

    private static func isOutage(_ code: rd_kafka_resp_err_t) -> Bool {
        switch code {
        case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
            RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__DESTROY, RD_KAFKA_RESP_ERR__RESOLVE,
            RD_KAFKA_RESP_ERR_NOT_CONTROLLER, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
            RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
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
