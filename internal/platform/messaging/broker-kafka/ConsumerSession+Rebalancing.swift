import CRDKafka
import Logging
import SoukBroker

extension ConsumerSession {
    /// How long one question for what the group has committed may take, and all of them.
    private static let committedMilliseconds: Int32 = 2_000
    private static let committedTime: Duration = .seconds(60)

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
            group.addPartitions(partitions, committed: start(list, partitions))
            if isCooperative {
                check(rd_kafka_incremental_assign(client.pointer, list))
            } else {
                check(rd_kafka_assign(client.pointer, list))
            }
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            // What is lost belongs to others already: its commit would be refused. And an offset of a topic that is gone
            // would have the group skip messages of the one that is made in its place.
            if rd_kafka_assignment_lost(client.pointer) == 0, !isSpent {
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

    /// Has the partitions begin where the group is, or at the earliest message; returns what it has committed.
    ///
    /// librdkafka would ask for the offsets as well, but only three times: then it fetches nothing of the partitions, for ever.
    private func start(
        _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?, _ partitions: [PartitionID]
    ) -> [PartitionID: Int64] {
        let committed = committed(in: partitions)
        // Nothing is read where it is not known.
        if committed == nil { isSpent = true }
        for (index, partition) in partitions.enumerated() {
            list?.pointee.elems[index].offset =
                committed?[partition] ?? Int64(RD_KAFKA_OFFSET_BEGINNING)
        }
        return committed ?? [:]
    }

    /// What the group has committed, asked for until the brokers say so; nil when the time is over or the group is left.
    private func committed(in partitions: [PartitionID]) -> [PartitionID: Int64]? {
        let deadline = ContinuousClock.now + Self.committedTime
        while ContinuousClock.now < deadline, !group.isClosing {
            do throws(BrokerError) {
                return try client.committedOffsets(partitions, milliseconds: Self.committedMilliseconds)
            } catch {
                logger.info("\(error)", metadata: ["group": "\(group.name)"])
            }
            wakeup.wait(milliseconds: Self.retryMilliseconds)
        }
        return nil
    }

    private static let retryMilliseconds: Int32 = 100

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
