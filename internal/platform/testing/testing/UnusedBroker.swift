package import SoukBroker

/// Stands where no test gets as far as the broker: what is published stays in the outbox. One that does is told so.
package struct UnusedBroker: Broker {
    package init() {}

    package var capabilities: BrokerCapabilities { .all }

    package func publish(_ messages: [BrokerMessage], to topic: String) async throws(BrokerError) {
        throw BrokerError(.unsupported, detail: "nothing is to be published here")
    }

    package func subscribe(
        to topics: [String], group: String, options: SubscriptionOptions
    ) async throws(BrokerError) -> any BrokerSubscription {
        throw BrokerError(.unsupported, detail: "nothing is to be consumed here")
    }

    package func lag(group: String) async throws(BrokerError) -> [String: Int] { [:] }

    package func close() async {}
}
