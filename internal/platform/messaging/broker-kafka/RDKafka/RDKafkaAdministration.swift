import CRDKafka
import SoukBroker

/// Making topics. It waits for the response up to a time: for threads that may block.
///
/// Of librdkafka's admin requests only this one is used: it goes to the controller. Those that go to a group's
/// coordinator dereference null on a client without a group when the coordinator moves (librdkafka #5040).
extension RDKafkaClient {
    /// Creates topics; one that exists is left as it is. The result is by topic: nil where it is there now.
    func createTopics(
        _ topics: [String], partitions: Int, replicationFactor: Int?, milliseconds: Int32
    ) -> [String: rd_kafka_resp_err_t] {
        var reason = [CChar](repeating: 0, count: 256)
        var failures: [String: rd_kafka_resp_err_t] = [:]
        var requests: [OpaquePointer?] = []
        for topic in topics {
            guard
                let request = rd_kafka_NewTopic_new(
                    topic, Int32(partitions), Int32(replicationFactor ?? -1), &reason, reason.count)
            else {
                failures[topic] = RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION
                continue
            }
            requests.append(request)
        }
        defer { for request in requests { rd_kafka_NewTopic_destroy(request) } }
        guard !requests.isEmpty else { return failures }
        let queue = rd_kafka_queue_new(pointer)
        defer { rd_kafka_queue_destroy(queue) }
        let options = adminOptions(RD_KAFKA_ADMIN_OP_CREATETOPICS, milliseconds)
        defer { rd_kafka_AdminOptions_destroy(options) }
        rd_kafka_CreateTopics(pointer, &requests, requests.count, options, queue)
        let event = rd_kafka_queue_poll(queue, milliseconds + 1_000)
        defer { if let event { rd_kafka_event_destroy(event) } }
        let code = event.map { rd_kafka_event_error($0) } ?? RD_KAFKA_RESP_ERR__TIMED_OUT
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let result = rd_kafka_event_CreateTopics_result(event)
        else {
            for topic in topics { failures[topic] = code }
            return failures
        }
        var count = 0
        let results = rd_kafka_CreateTopics_result_topics(result, &count)
        for index in 0..<count {
            guard let result = results?[index], let name = rd_kafka_topic_result_name(result) else {
                continue
            }
            let code = rd_kafka_topic_result_error(result)
            guard code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS else {
                continue
            }
            failures[String(cString: name)] = code
        }
        return failures
    }

    private func adminOptions(_ operation: rd_kafka_admin_op_t, _ milliseconds: Int32) -> OpaquePointer? {
        let options = rd_kafka_AdminOptions_new(pointer, operation)
        // Each refuses only times beyond an hour. The broker responds when the topic is made, or after half of the time.
        rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, nil, 0)
        rd_kafka_AdminOptions_set_operation_timeout(options, milliseconds / 2, nil, 0)
        return options
    }
}
