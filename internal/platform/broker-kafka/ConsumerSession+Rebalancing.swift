import CRDKafka
import Logging
import SoukBroker

extension ConsumerSession {
    /// How long new partitions wait for what the group has committed in them.
    private static let committedMilliseconds: Int32 = 2_000

    /// From within `rd_kafka_consumer_poll` and `rd_kafka_consumer_close`.
    func rebalance(
        _ code: rd_kafka_resp_err_t, _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
    ) {
        let partitions = RDKafkaPartitionEntry.read(list).map(\.id)
        let isCooperative =
            rd_kafka_rebalance_protocol(client.pointer).map { String(cString: $0) } == "COOPERATIVE"
        logger.debug(
            "\(code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? "got" : "gives up") \(partitions.count) partitions",
            metadata: ["group": "\(group.name)"])
        switch code {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            hadAssignment = true
            for partition in partitions { open(partition) }
            group.addPartitions(partitions, committed: committed(in: partitions))
            if isCooperative {
                check(rd_kafka_incremental_assign(client.pointer, list))
            } else {
                check(rd_kafka_assign(client.pointer, list))
            }
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            // What is lost belongs to others already: its commit would be refused. And an offset of a topic that is gone
            // would have the group skip messages of the one that is made in its place.
            if rd_kafka_assignment_lost(client.pointer) == 0, !isTopicGone {
                group.drain(partitions)
                commitNow(partitions)
            }
            giveUp(partitions)
            if isCooperative {
                check(rd_kafka_incremental_unassign(client.pointer, list))
            } else {
                check(rd_kafka_assign(client.pointer, nil))
            }
        default:
            giveUp(group.partitions)
            check(rd_kafka_assign(client.pointer, nil))
        }
    }

    /// What the group has committed; where the brokers do not say, a log that moved meanwhile goes unnoticed.
    private func committed(in partitions: [PartitionID]) -> [PartitionID: Int64] {
        do throws(BrokerError) {
            return try client.committedOffsets(partitions, milliseconds: Self.committedMilliseconds)
        } catch {
            logger.info("\(error)", metadata: ["group": "\(group.name)"])
            return [:]
        }
    }

    /// Gives the partition a queue of its own, before its first message is fetched.
    private func open(_ partition: PartitionID) {
        guard queues[partition] == nil,
            let queue = rd_kafka_queue_get_partition(client.pointer, partition.topic, partition.partition)
        else { return }
        rd_kafka_queue_forward(queue, nil)
        wakeup.attach(to: queue)
        queues[partition] = queue
    }

    func giveUp(_ partitions: [PartitionID]) {
        group.removePartitions(partitions)
        for partition in partitions {
            if let queue = queues.removeValue(forKey: partition) { rd_kafka_queue_destroy(queue) }
        }
    }

    func check(_ error: OpaquePointer?) {
        guard let error else { return }
        logger.error(
            "the consumer refuses: \(String(cString: rd_kafka_error_string(error)))",
            metadata: ["group": "\(group.name)"])
        rd_kafka_error_destroy(error)
    }

    private func check(_ code: rd_kafka_resp_err_t) {
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        logger.error(
            "rebalancing: \(String(cString: rd_kafka_err2str(code)))", metadata: ["group": "\(group.name)"])
    }
}
