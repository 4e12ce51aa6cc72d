import ArgumentParser
import CRDKafka
import CRDKafka.Mock
import Synchronization

/// Owns librdkafka's mock cluster, until the process ends.
///
/// `@unchecked Sendable`: each function of `rdkafka_mock.h` locks the cluster or asks its thread.
final class MockCluster: @unchecked Sendable {
    private let cluster: OpaquePointer
    private let created = Mutex<[String]>([])

    /// - Parameter isModern: It knows the Metadata request by which clients forbid it to create what they ask for.
    init(brokers: Int, isModern: Bool) throws {
        var reason = [CChar](repeating: 0, count: 256)
        let configuration = rd_kafka_conf_new()
        // No line about this client having no brokers: it is there for the cluster only.
        rd_kafka_conf_set(configuration, "log_level", "4", nil, 0)
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &reason, reason.count),
            let cluster = rd_kafka_mock_cluster_new(client, Int32(brokers))
        else {
            let text = String(
                decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw ValidationError("no cluster: \(text)")
        }
        self.cluster = cluster
        if isModern { rd_kafka_mock_set_apiversion(cluster, 3, 0, 4) }
    }

    var bootstrap: String { String(cString: rd_kafka_mock_cluster_bootstraps(cluster)) }

    /// Of each broker.
    var ports: [UInt16] {
        bootstrap.split(separator: ",").compactMap { $0.split(separator: ":").last.flatMap { UInt16($0) } }
    }

    /// Says why not, if so.
    func create(_ topic: String, partitions: Int) -> rd_kafka_resp_err_t {
        let code = rd_kafka_mock_topic_create(cluster, topic, Int32(partitions), 1)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR { created.withLock { $0.append(topic) } }
        return code
    }

    func setUp(_ isUp: Bool) {
        _ = isUp ? rd_kafka_mock_broker_set_up(cluster, -1) : rd_kafka_mock_broker_set_down(cluster, -1)
    }

    /// Has the next requests of an API fail so.
    func push(errors codes: [Int], api: Int) {
        let codes = codes.map { rd_kafka_resp_err_t(rawValue: Int32($0)) }
        rd_kafka_mock_push_request_errors_array(cluster, Int16(api), codes.count, codes)
    }

    /// Has no more requests of an API fail.
    func clear(api: Int) {
        rd_kafka_mock_clear_request_errors(cluster, Int16(api))
    }

    /// What asking for a topic gets, or for each that was created by ``create(_:partitions:)`` with `*`; 0 for the topic.
    func set(error code: Int, of topic: String) {
        let topics = topic == "*" ? created.withLock { $0 } : [topic]
        for topic in topics {
            rd_kafka_mock_topic_set_error(cluster, topic, rd_kafka_resp_err_t(rawValue: Int32(code)))
        }
    }

    /// How long every response takes.
    func delay(milliseconds: Int) {
        rd_kafka_mock_broker_set_rtt(cluster, -1, Int32(milliseconds))
    }
}
