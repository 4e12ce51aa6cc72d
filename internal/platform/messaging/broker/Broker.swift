/// A message broker: topics that groups of subscribers read.
///
/// Delivery is at least once: a message is delivered again until one member of the group acknowledged it, and
/// now and then after that. Every group gets every message; the members of one group share them. What a
/// backend does beyond that is declared in ``capabilities`` and held against the conformance suite; it never
/// differs in silence.
///
/// All functions may be called from any task at any time, ``close()`` too.
package protocol Broker: Sendable {
    var capabilities: BrokerCapabilities { get }

    /// Appends the messages to the topic, in order, all or none; returns when a crash can no longer lose
    /// them.
    ///
    /// - Throws: ``BrokerError/Reason/closed``; ``BrokerError/Reason/invalidArgument`` for an empty topic;
    ///   ``BrokerError/Reason/messageTooLarge``; ``BrokerError/Reason/unavailable``, after which the messages
    ///   may have been published all the same.
    func publish(_ messages: [BrokerMessage], to topic: String) async throws(BrokerError)

    /// Joins a group as a new member that reads the topics.
    ///
    /// - Throws: ``BrokerError/Reason/closed``; ``BrokerError/Reason/invalidArgument`` without topics or with
    ///   an empty name; ``BrokerError/Reason/unavailable``.
    func subscribe(
        to topics: [String], group: String, options: SubscriptionOptions
    ) async throws(BrokerError) -> any BrokerSubscription

    /// For each topic that the group has read, how many of its messages the group has not acknowledged; empty
    /// for a group that never subscribed.
    ///
    /// - Throws: ``BrokerError/Reason/closed``, ``BrokerError/Reason/unavailable``,
    ///   ``BrokerError/Reason/unsupported``.
    func lag(group: String) async throws(BrokerError) -> [String: Int]

    /// Returns when the backend can be used, as far as is known; for readiness probes.
    ///
    /// A backend whose server can keep a request waiting responds from what it found out in the background.
    ///
    /// - Throws: ``BrokerError/Reason/closed``, ``BrokerError/Reason/unavailable``.
    func checkReadiness() async throws(BrokerError)

    /// Ends every subscription, stores how far the groups are, and lets go of the backend. Repeating it is
    /// harmless.
    func close() async
}

extension Broker {
    /// Asks for the lag of a group that nobody is in; a backend that has no lag counts as ready.
    package func checkReadiness() async throws(BrokerError) {
        do {
            _ = try await lag(group: "readiness")
        } catch  where error.reason == .unsupported {
            return
        }
    }

    /// Joins a group with the default options.
    package func subscribe(
        to topics: [String], group: String
    ) async throws(BrokerError) -> any BrokerSubscription {
        try await subscribe(to: topics, group: group, options: SubscriptionOptions())
    }
}

/// How a member of a group reads.
package struct SubscriptionOptions: Sendable, Hashable {
    /// How many messages the member may hold unacknowledged, at least 1. This is the back-pressure: with so
    /// many in its hands ``BrokerSubscription/next()`` waits.
    package let prefetch: Int

    package init(prefetch: Int = 64) {
        precondition(prefetch > 0, "a subscription must be able to hold one message")
        self.prefetch = prefetch
    }
}

/// A member of a group. Any number of tasks may call ``next()`` at once: each delivery goes to one of them.
package protocol BrokerSubscription: Sendable {
    /// Waits for the next message; nil once the subscription or the broker is closed, or when the waiting
    /// task is cancelled (which loses no message).
    ///
    /// - Throws: ``BrokerError/Reason/unavailable``; the subscription stays usable.
    func next() async throws(BrokerError) -> Delivery?

    /// Leaves the group. What the member holds unacknowledged goes to the others, or waits for the next
    /// member; settling it afterwards throws ``BrokerError/Reason/staleDelivery``. Repeating it is harmless.
    func close() async
}
