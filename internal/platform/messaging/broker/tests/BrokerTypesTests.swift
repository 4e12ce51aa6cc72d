import SoukBroker
import SoukErrors
import Synchronization
import Testing

@Suite struct BrokerTypesTests {
    @Test func `ack and nack settle a delivery`() async throws {
        let settled = Recorder()
        let delivery = Delivery(
            message: BrokerMessage(id: "1", key: "k", payload: [1]), topic: "t", position: 7, deliveryCount: 2
        ) { (settlement: Delivery.Settlement) async throws(BrokerError) in
            settled.append(settlement)
        }
        try await delivery.ack()
        try await delivery.nack()
        try await delivery.nack(after: .seconds(2))
        #expect(settled.all == [.ack, .nack(after: .zero), .nack(after: .seconds(2))])
    }

    @Test(arguments: [
        (BrokerError.Reason.closed, true), (.unavailable, true), (.invalidArgument, false),
        (.messageTooLarge, false), (.staleDelivery, false),
    ])
    func `only an unreachable broker is worth a retry`(reason: BrokerError.Reason, retryable: Bool) {
        #expect(BrokerError(reason).kind.isRetryable == retryable)
    }

    @Test func `every reason has a code of its own`() {
        let codes = Set(BrokerError.Reason.allCases.map { BrokerError($0).code })
        #expect(codes.count == BrokerError.Reason.allCases.count)
        #expect(BrokerError(.closed, detail: "by test").description == "broker.closed: by test")
    }

    @Test func `capabilities are distinct`() {
        let each: [BrokerCapabilities] = [
            .durable, .replayFromEarliest, .keyOrdering, .independentKeys, .delayedRedelivery, .deliveryCount,
            .lag,
        ]
        #expect(Set(each).count == each.count)
        #expect(BrokerCapabilities(each) == .all)
    }
}

private final class Recorder: Sendable {
    private let settlements = Mutex<[Delivery.Settlement]>([])
    func append(_ settlement: Delivery.Settlement) { settlements.withLock { $0.append(settlement) } }
    var all: [Delivery.Settlement] { settlements.withLock { $0 } }
}
