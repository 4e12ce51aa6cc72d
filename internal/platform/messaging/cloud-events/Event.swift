package import SoukIDs

/// Names the ids of events.
package enum EventTag {}

/// An event's id: what the outbox, the broker and the inbox know it by.
package typealias EventID = ID<EventTag>

/// A fact that a service makes known to the others.
///
/// Properties are camelCase (`orderId`): the JSON is snake_case (``EventEnvelope/encoder``).
/// A change that an old reader could not read is a new type (`order.paid.v2`), not an edit of this one.
package protocol Event: Codable, Sendable {
    /// The CloudEvents `type`: `<aggregate>.<fact>.v<version>`, for example `order.paid.v1`.
    static var type: String { get }

    /// The topic that carries it: the aggregate's plural, for example `orders`.
    static var topic: String { get }

    /// The id of the aggregate it is about; events of one key are handled in the order of their publishing.
    var key: String { get }
}
