import CRDKafka
import SoukBroker

/// Owns an `rd_kafka_topic_partition_list_t`.
struct RDKafkaPartitions: ~Copyable {
    let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(capacity: Int = 8) {
        pointer = rd_kafka_topic_partition_list_new(Int32(capacity))
    }

    /// Partitions with an offset each.
    init(_ offsets: [PartitionID: Int64]) {
        self.init(capacity: offsets.count)
        for (partition, offset) in offsets { add(partition, offset: offset) }
    }

    /// Partitions with the same offset, or without one.
    init(_ partitions: [PartitionID], offset: Int64? = nil) {
        self.init(capacity: partitions.count)
        for partition in partitions { add(partition, offset: offset) }
    }

    /// Topics, as `rd_kafka_subscribe` takes them.
    init(topics: Set<String>) {
        self.init(capacity: topics.count)
        for topic in topics.sorted() {
            rd_kafka_topic_partition_list_add(pointer, topic, RD_KAFKA_PARTITION_UA)
        }
    }

    deinit {
        rd_kafka_topic_partition_list_destroy(pointer)
    }

    private func add(_ partition: PartitionID, offset: Int64?) {
        let entry = rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition)
        if let offset { entry?.pointee.offset = offset }
    }
}

/// What a list of librdkafka's says; the list stays its owner's.
struct RDKafkaPartitionEntry {
    let id: PartitionID
    let offset: Int64
    let code: rd_kafka_resp_err_t

    static func read(
        _ list: UnsafePointer<rd_kafka_topic_partition_list_t>?
    ) -> [RDKafkaPartitionEntry] {
        guard let list else { return [] }
        return (0..<Int(list.pointee.cnt)).compactMap { index in
            let entry = list.pointee.elems[index]
            guard let topic = entry.topic else { return nil }
            return RDKafkaPartitionEntry(
                id: PartitionID(topic: String(cString: topic), partition: entry.partition),
                offset: entry.offset, code: entry.err)
        }
    }
}
