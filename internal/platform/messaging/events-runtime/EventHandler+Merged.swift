import SoukDatabase

extension EventHandler {
    /// One handler for each type, in the order of their first mention. Those of one type run one after the other in
    /// the transaction of the event, so that either all have had it or none; serializable if one of them needs it.
    static func merged(_ handlers: [EventHandler]) -> [EventHandler] {
        var merged: [EventHandler] = []
        for handler in handlers {
            guard let index = merged.firstIndex(where: { $0.type == handler.type }) else {
                merged.append(handler)
                continue
            }
            let first = merged[index]
            precondition(first.topic == handler.topic, "a type of event has one topic")
            let isolation =
                first.isolation == handler.isolation ? first.isolation : .serializable
            merged[index] = EventHandler(
                type: first.type, topic: first.topic, isolation: isolation,
                sharesTransaction: first.sharesTransaction && handler.sharesTransaction
            ) { envelope, context, transaction in
                try await first.run(envelope, context, transaction)
                try await handler.run(envelope, context, transaction)
            }
        }
        return merged
    }
}
