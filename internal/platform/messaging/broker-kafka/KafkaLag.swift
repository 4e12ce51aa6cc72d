import CRDKafka
import NIOPosix
import SoukBroker

/// How much groups have before them, asked on a thread of its own.
///
/// The committed offsets are asked for by a consumer with the group's name, which never joins it: librdkafka's
/// admin request for them ends the process when the coordinator moves.
final class KafkaLag: Sendable {
    typealias Progress = [PartitionID: (fetched: Int64, unacknowledged: Int)]

    private let options: KafkaOptions
    private let thread = NIOThreadPool(numberOfThreads: 1)

    init(_ options: KafkaOptions) {
        self.options = options
        thread.start()
    }

    /// The messages of each topic that the group has not acknowledged: by what this process knows of the
    /// partitions that it has, by the committed offset, or from the partition's beginning.
    ///
    /// - Parameter progress: Called after the committed offsets are known.
    /// - Throws: ``BrokerError/Reason/unavailable``, ``BrokerError/Reason/closed``.
    func lag(
        of group: String, subscribed: Set<String>, progress: @escaping @Sendable () -> Progress
    ) async throws(BrokerError) -> [String: Int] {
        let deadline = ContinuousClock.now + options.requestTimeout
        do {
            return try await thread.runIfActive { [options] in
                try Self.ask(
                    RDKafkaConfiguration.observer(of: group, options).makeClient(RD_KAFKA_CONSUMER),
                    subscribed: subscribed, deadline: deadline, progress: progress)
            }
        } catch let error as BrokerError {
            throw error
        } catch {
            // The thread ends with the broker.
            throw BrokerError(.closed)
        }
    }

    private static func ask(
        _ client: RDKafkaClient, subscribed: Set<String>, deadline: ContinuousClock.Instant,
        progress: () -> Progress
    ) throws(BrokerError) -> [String: Int] {
        var left: Int32 { (deadline - .now).milliseconds }
        let all = try client.allPartitions(milliseconds: left)
        let committed = try client.committedOffsets(all, milliseconds: left)
        let topics = subscribed.union(committed.keys.map(\.topic))
        let partitions = all.filter { topics.contains($0.topic) }
        let live = progress()
        let unread = partitions.filter { live[$0] == nil && committed[$0] == nil }
        let starts = try client.offsets(at: .earliest, unread, milliseconds: left)
        let ends = try client.offsets(at: .latest, partitions, milliseconds: left)
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

    func close() async {
        // Fails for a pool that was shut down before.
        try? await thread.shutdownGracefully()
    }
}

extension RDKafkaConfiguration {
    /// A consumer that asks for a group's offsets and never joins it.
    fileprivate static func observer(
        of group: String, _ options: KafkaOptions
    ) throws(BrokerError) -> RDKafkaConfiguration {
        let configuration = try RDKafkaConfiguration(options)
        try configuration.set("group.id", group)
        try configuration.set("enable.auto.commit", "false")
        return configuration
    }
}
