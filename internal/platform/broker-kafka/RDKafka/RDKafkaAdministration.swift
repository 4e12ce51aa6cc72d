import CRDKafka
import SoukBroker

/// Requests that wait for their answer, up to a time; to be called on threads that may block.
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

    /// Whether the cluster knows the topic.
    ///
    /// - Throws: ``BrokerError/Reason/unavailable``.
    func hasTopic(_ name: String, milliseconds: Int32) throws(BrokerError) -> Bool {
        guard let topic = rd_kafka_topic_new(pointer, name, nil) else {
            throw .kafka(rd_kafka_last_error(), "topic \(name)")
        }
        defer { rd_kafka_topic_destroy(topic) }
        var answer: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(pointer, 0, topic, &answer, milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata = answer else {
            throw .kafka(code, "asking for topic \(name)")
        }
        defer { rd_kafka_metadata_destroy(metadata) }
        return (0..<Int(metadata.pointee.topic_cnt)).contains {
            let topic = metadata.pointee.topics[$0]
            return topic.err == RD_KAFKA_RESP_ERR_NO_ERROR && topic.partition_cnt > 0
        }
    }

    /// The partitions of all topics, Kafka's own left out.
    ///
    /// - Throws: ``BrokerError/Reason/unavailable``.
    func allPartitions(milliseconds: Int32) throws(BrokerError) -> [PartitionID] {
        var answer: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(pointer, 1, nil, &answer, milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata = answer else {
            throw .kafka(code, "asking for the topics")
        }
        defer { rd_kafka_metadata_destroy(metadata) }
        return (0..<Int(metadata.pointee.topic_cnt)).flatMap { index -> [PartitionID] in
            let topic = metadata.pointee.topics[index]
            guard topic.err == RD_KAFKA_RESP_ERR_NO_ERROR,
                let name = topic.topic.map({ String(cString: $0) }),
                !name.hasPrefix("__")
            else { return [] }
            return (0..<Int(topic.partition_cnt)).map {
                PartitionID(topic: name, partition: topic.partitions[$0].id)
            }
        }
    }

    /// The offsets that a group has committed in these partitions, of which there must be at least one.
    ///
    /// - Throws: ``BrokerError/Reason/unavailable``.
    func committedOffsets(
        group: String, _ partitions: [PartitionID], milliseconds: Int32
    ) throws(BrokerError) -> [PartitionID: Int64] {
        let list = RDKafkaPartitions(partitions)
        var request: OpaquePointer? = rd_kafka_ListConsumerGroupOffsets_new(group, list.pointer)
        defer { if let request { rd_kafka_ListConsumerGroupOffsets_destroy(request) } }
        let queue = rd_kafka_queue_new(pointer)
        defer { rd_kafka_queue_destroy(queue) }
        let options = adminOptions(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, milliseconds)
        defer { rd_kafka_AdminOptions_destroy(options) }
        rd_kafka_ListConsumerGroupOffsets(pointer, &request, 1, options, queue)
        let event = rd_kafka_queue_poll(queue, milliseconds + 1_000)
        defer { if let event { rd_kafka_event_destroy(event) } }
        let code = event.map { rd_kafka_event_error($0) } ?? RD_KAFKA_RESP_ERR__TIMED_OUT
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR,
            let result = rd_kafka_event_ListConsumerGroupOffsets_result(event)
        else { throw .kafka(code, "asking for the offsets of group \(group)") }
        var count = 0
        let groups = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count)
        var committed: [PartitionID: Int64] = [:]
        for index in 0..<count {
            guard let group = groups?[index] else { continue }
            for entry in RDKafkaPartitionEntry.read(rd_kafka_group_result_partitions(group))
            where entry.code == RD_KAFKA_RESP_ERR_NO_ERROR && entry.offset >= 0 {
                committed[entry.id] = entry.offset
            }
        }
        return committed
    }

    /// Where the partitions, of which there must be at least one, begin or end.
    ///
    /// Kafka's ListOffsets request takes -2 and -1 in the place of a time for the two ends.
    ///
    /// - Throws: ``BrokerError/Reason/unavailable``.
    func offsets(
        at end: LogEnd, _ partitions: [PartitionID], milliseconds: Int32
    ) throws(BrokerError) -> [PartitionID: Int64] {
        let list = RDKafkaPartitions(partitions, offset: end.rawValue)
        let code = rd_kafka_offsets_for_times(pointer, list.pointer, milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw .kafka(code, "asking for offsets") }
        var offsets: [PartitionID: Int64] = [:]
        for entry in RDKafkaPartitionEntry.read(list.pointer) {
            guard entry.code == RD_KAFKA_RESP_ERR_NO_ERROR, entry.offset >= 0 else {
                throw .kafka(entry.code, "asking for offsets of \(entry.id.topic)")
            }
            offsets[entry.id] = entry.offset
        }
        return offsets
    }

    enum LogEnd: Int64 {
        case earliest = -2
        case latest = -1
    }

    private func adminOptions(_ operation: rd_kafka_admin_op_t, _ milliseconds: Int32) -> OpaquePointer? {
        let options = rd_kafka_AdminOptions_new(pointer, operation)
        // Refuses only times beyond an hour.
        rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, nil, 0)
        return options
    }
}
