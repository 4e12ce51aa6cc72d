import CRDKafka
import SoukBroker
import SoukText

/// Questions that wait for the response up to a time: for threads that may block.
extension RDKafkaClient {
    /// How many partitions a topic has; nil where the cluster has no such topic.
    ///
    /// - Throws: ``BrokerError/Reason/unavailable``, ``BrokerError/Reason/invalidArgument`` for a name that no topic has.
    func partitionCount(of name: String, milliseconds: Int32) throws(BrokerError) -> Int? {
        let found = try metadata(of: name, milliseconds: milliseconds) { metadata in
            metadata.topic_cnt == 0
                ? (RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, 0)
                : (metadata.topics[0].err, Int(metadata.topics[0].partition_cnt))
        }
        switch found {
        case (RD_KAFKA_RESP_ERR_NO_ERROR, let count), (RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, let count):
            return count > 0 ? count : nil
        case (RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, _), (RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, _): return nil
        case (let code, _): throw .kafka(code, "topic \(name)")
        }
    }

    /// Returns when a broker responded.
    ///
    /// - Parameter topic: One to ask for, which need not be there; nil asks for all.
    /// - Throws: ``BrokerError/Reason/unavailable``.
    func ask(about topic: String?, milliseconds: Int32) throws(BrokerError) {
        try metadata(of: topic, milliseconds: milliseconds) { _ in }
    }

    /// The partitions of all topics, Kafka's own left out.
    ///
    /// - Throws: ``BrokerError/Reason/unavailable``.
    func allPartitions(milliseconds: Int32) throws(BrokerError) -> [PartitionID] {
        try metadata(of: nil, milliseconds: milliseconds) { metadata in
            (0..<Int(metadata.topic_cnt)).flatMap { index -> [PartitionID] in
                let topic = metadata.topics[index]
                guard topic.err == RD_KAFKA_RESP_ERR_NO_ERROR,
                    let name = topic.topic.map({ String(cString: $0) }),
                    !name.hasPrefix(bytes: "__")
                else { return [] }
                return (0..<Int(topic.partition_cnt)).map {
                    PartitionID(topic: name, partition: topic.partitions[$0].id)
                }
            }
        }
    }

    private func metadata<R>(
        of name: String?, milliseconds: Int32, _ read: (rd_kafka_metadata) -> R
    ) throws(BrokerError) -> R {
        var topic: OpaquePointer?
        if let name {
            topic = rd_kafka_topic_new(pointer, name, nil)
            guard topic != nil else { throw .kafka(rd_kafka_last_error(), "topic \(name)") }
        }
        defer { if let topic { rd_kafka_topic_destroy(topic) } }
        var response: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(pointer, name == nil ? 1 : 0, topic, &response, milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata = response else {
            throw .kafka(code, "asking for \(name.map { "topic \($0)" } ?? "the topics")")
        }
        defer { rd_kafka_metadata_destroy(metadata) }
        return read(metadata.pointee)
    }

    /// The offsets that this client's group has committed in the partitions.
    ///
    /// Only for a consumer: on any other client librdkafka has no group to ask for.
    ///
    /// - Throws: ``BrokerError/Reason/unavailable``.
    func committedOffsets(
        _ partitions: [PartitionID], milliseconds: Int32
    ) throws(BrokerError) -> [PartitionID: Int64] {
        guard !partitions.isEmpty else { return [:] }
        let list = RDKafkaPartitions(partitions)
        let code = rd_kafka_committed(pointer, list.pointer, milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw .kafka(code, "asking for committed offsets") }
        var committed: [PartitionID: Int64] = [:]
        for entry in RDKafkaPartitionEntry.read(list.pointer) {
            switch entry.code {
            case RD_KAFKA_RESP_ERR_NO_ERROR: committed[entry.id] = entry.offset >= 0 ? entry.offset : nil
            // Gone meanwhile, or not ours to read.
            case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
                continue
            default: throw .kafka(entry.code, "asking for committed offsets of \(entry.id.topic)")
            }
        }
        return committed
    }

    /// Where the partitions begin or end.
    ///
    /// Kafka's ListOffsets request takes -2 and -1 in place of a time for the two ends.
    ///
    /// - Throws: ``BrokerError/Reason/unavailable``.
    func offsets(
        at end: LogEnd, _ partitions: [PartitionID], milliseconds: Int32
    ) throws(BrokerError) -> [PartitionID: Int64] {
        guard !partitions.isEmpty else { return [:] }
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

    /// Where the partition began when it was last fetched from; nil before.
    func logStart(of partition: PartitionID) -> Int64? {
        var (low, high) = (Int64(-1), Int64(-1))
        let code = rd_kafka_get_watermark_offsets(
            pointer, partition.topic, partition.partition, &low, &high)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR && low >= 0 ? low : nil
    }
}
