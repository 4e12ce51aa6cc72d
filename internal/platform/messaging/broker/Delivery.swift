/// One message in a member's hands, to be settled once, by ``ack()`` or ``nack(after:)``, in any order with
/// others.
package struct Delivery: Sendable {
    /// How a delivery ends.
    package enum Settlement: Sendable, Hashable {
        case ack
        case nack(after: Duration)
    }

    package let message: BrokerMessage
    package let topic: String
    /// Where the message lies: an offset in Kafka and the embedded log; rises with publishing within a topic
    /// and key.
    package let position: Int64
    /// 1 for the first delivery; see ``BrokerCapabilities/deliveryCount``.
    package let deliveryCount: Int
    private let settle: @Sendable (Settlement) async throws(BrokerError) -> Void

    /// For backends: `settle` is called by ``ack()`` and ``nack(after:)``.
    package init(
        message: BrokerMessage, topic: String, position: Int64, deliveryCount: Int,
        settle: @escaping @Sendable (Settlement) async throws(BrokerError) -> Void
    ) {
        self.message = message
        self.topic = topic
        self.position = position
        self.deliveryCount = deliveryCount
        self.settle = settle
    }

    /// The group is done with the message.
    ///
    /// - Throws: ``BrokerError/Reason/staleDelivery`` when it was settled before or its subscription is
    ///   closed (the message will be, or was, delivered again); ``BrokerError/Reason/unavailable``.
    package func ack() async throws(BrokerError) {
        try await settle(.ack)
    }

    /// The message is to be delivered again after the delay, to any member of the group.
    ///
    /// - Throws: as ``ack()``.
    package func nack(after delay: Duration = .zero) async throws(BrokerError) {
        try await settle(.nack(after: delay))
    }
}
