import Metrics

/// What an operator has to know of topics and offsets.
struct KafkaMetrics: Sendable {
    let factory: any MetricsFactory

    /// - Parameter difference: Partitions that the topic has more than this process asks for; 0 as it should be.
    func partitions(of topic: String, difference: Int) {
        Gauge(
            label: "kafka_topic_partition_difference", dimensions: [("topic", topic)], factory: factory
        ).record(difference)
    }

    /// Where a group's offset and the log did not fit together.
    func moved(_ move: OffsetMove, group: String, topic: String) {
        let dimensions = [("group", group), ("topic", topic)]
        let direction =
            switch move {
            case .backward: "backward"
            case .forward: "forward"
            }
        Counter(
            label: "kafka_offset_moves_total", dimensions: dimensions + [("direction", direction)],
            factory: factory
        ).increment()
        if case .forward(let lost, _) = move {
            Counter(label: "kafka_messages_lost_total", dimensions: dimensions, factory: factory)
                .increment(by: lost)
        }
    }
}
