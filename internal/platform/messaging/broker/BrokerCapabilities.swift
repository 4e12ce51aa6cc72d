/// What a backend promises beyond at-least-once delivery to every group.
package struct BrokerCapabilities: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// What `publish` returned for, and what groups acknowledged, survives a restart of the broker.
    package static let durable = Self(rawValue: 1 << 0)
    /// A new group starts at the earliest kept message, not at the moment of its first subscription.
    package static let replayFromEarliest = Self(rawValue: 1 << 1)
    /// Within a group the messages of a key are delivered one at a time, in the order of their publishing, a
    /// message that is to be redelivered before its successors.
    package static let keyOrdering = Self(rawValue: 1 << 2)
    /// A key with a message in flight or waiting for redelivery does not hold back other keys.
    package static let independentKeys = Self(rawValue: 1 << 3)
    /// `nack(after:)` waits that long before it delivers again; without it the redelivery may come at once.
    package static let delayedRedelivery = Self(rawValue: 1 << 4)
    /// `Delivery.deliveryCount` rises with every redelivery (in one process; see the backend for restarts).
    package static let deliveryCount = Self(rawValue: 1 << 5)
    /// ``Broker/lag(group:)`` answers.
    package static let lag = Self(rawValue: 1 << 6)

    package static let all: Self = [
        .durable, .replayFromEarliest, .keyOrdering, .independentKeys, .delayedRedelivery, .deliveryCount,
        .lag,
    ]
}
