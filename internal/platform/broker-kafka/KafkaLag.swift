import SoukBroker

/// How much a group has before it.
enum KafkaLag {
    /// The messages of each topic that the group has not acknowledged: by what this process knows of the
    /// partitions that it has, by the committed offset, or from the partition's beginning. Blocks for at most
    /// four times the milliseconds.
    ///
    /// - Throws: ``BrokerError/Reason/unavailable``.
    static func lag(
        of group: String, subscribed: Set<String>, client: RDKafkaClient, milliseconds: Int32,
        progress: () -> [PartitionID: (fetched: Int64, unacknowledged: Int)]
    ) throws(BrokerError) -> [String: Int] {
        let all = try client.allPartitions(milliseconds: milliseconds)
        guard !all.isEmpty else { return [:] }
        let committed = try client.committedOffsets(group: group, all, milliseconds: milliseconds)
        let topics = subscribed.union(committed.keys.map(\.topic))
        let partitions = all.filter { topics.contains($0.topic) }
        guard !partitions.isEmpty else { return [:] }
        let live = progress()
        let unread = partitions.filter { live[$0] == nil && committed[$0] == nil }
        let starts =
            unread.isEmpty ? [:] : try client.offsets(at: .earliest, unread, milliseconds: milliseconds)
        let ends = try client.offsets(at: .latest, partitions, milliseconds: milliseconds)
        var lag: [String: Int] = [:]
        for partition in partitions {
            let end = ends[partition] ?? 0
            let pending: Int
            if let (fetched, unacknowledged) = live[partition] {
                pending = Int(max(0, end - fetched)) + unacknowledged
            } else {
                pending = Int(max(0, end - (committed[partition] ?? starts[partition] ?? end)))
            }
            lag[partition.topic, default: 0] += pending
        }
        return lag
    }
}
