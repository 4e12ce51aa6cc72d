import Metrics

/// What the events runtime measures.
struct EventMetrics: Sendable {
    /// How the consumer got rid of a message.
    enum Outcome: String {
        case handled
        /// The inbox knew it.
        case duplicate
        /// No handler takes its type.
        case ignored
        /// The handler failed and is to be tried again.
        case retried
        case deadLettered = "dead_lettered"
        /// The database was away.
        case postponed
    }

    let service: String

    func depth(_ depth: Int) {
        Gauge(label: "outbox_depth", dimensions: [("service", service)]).record(depth)
    }

    func published(_ count: Int, topic: String) {
        Counter(label: "events_published_total", dimensions: [("service", service), ("topic", topic)])
            .increment(by: count)
    }

    /// `type` must be one of the handlers' types or nil, so that messages cannot make up label values.
    func finished(_ outcome: Outcome, type: String?) {
        Counter(
            label: "events_handled_total",
            dimensions: [("consumer", service), ("type", type ?? "unknown"), ("outcome", outcome.rawValue)]
        ).increment()
    }

    func handlerTime(_ duration: Duration, type: String) {
        let (seconds, attoseconds) = duration.components
        Timer(
            label: "event_handler_seconds", dimensions: [("consumer", service), ("type", type)],
            preferredDisplayUnit: .seconds
        ).recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
