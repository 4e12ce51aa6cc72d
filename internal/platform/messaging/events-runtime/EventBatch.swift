import SoukBroker
import SoukCloudEvents
import SoukDatabase

/// Deliveries that came together, parted into those that may share a transaction and the others.
struct EventBatch {
    struct Member: Sendable {
        let delivery: Delivery
        let envelope: EventEnvelope
        let handler: EventHandler
    }

    private(set) var together: [Member] = []
    /// In the order of their arrival.
    private(set) var alone: [Delivery] = []

    /// What can't be read, has no handler, has failed before or whose handler wants a transaction for itself is alone; so is
    /// a second event of a key, and a second copy of an event.
    init(_ deliveries: [Delivery], handlers: [String: EventHandler], failures: FailureTracker) {
        guard deliveries.count > 1 else {
            alone = deliveries
            return
        }
        var keys: Set<KeyGate.Key> = []
        var ids: Set<String> = []
        for delivery in deliveries {
            let message = delivery.message
            // Whatever becomes of the first of a key: a later one must not overtake it.
            let isFirst =
                message.key.isEmpty
                || keys.insert(KeyGate.Key(topic: delivery.topic, key: message.key)).inserted
            guard isFirst,
                let envelope = try? EventEnvelope(headers: message.headers, payload: message.payload),
                let handler = handlers[envelope.type], handler.topic == delivery.topic,
                handler.sharesTransaction, handler.isolation == .readCommitted,
                !failures.knows(FailureTracker.Key(delivery)),
                ids.insert(envelope.id).inserted
            else {
                alone.append(delivery)
                continue
            }
            together.append(Member(delivery: delivery, envelope: envelope, handler: handler))
        }
        // In one order everywhere, so that batches of the same keys don't wait for each other's locks crosswise.
        together.sort { $0.delivery.message.key < $1.delivery.message.key }
    }
}

extension FailureTracker.Key {
    init(_ delivery: Delivery) {
        let id = delivery.message.id
        self.init(topic: delivery.topic, messageID: id.isEmpty ? "\(delivery.position)" : id)
    }
}
