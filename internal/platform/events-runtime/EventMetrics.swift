import Metrics
import Synchronization

/// What the events runtime measures. Each metric is made when it is first recorded, and kept: making one costs more than
/// many recordings.
final class EventMetrics: Sendable {
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

    private struct Ending: Hashable {
        let outcome: Outcome
        let type: String?
    }

    private let service: String
    private let outboxDepth: Gauge
    private let publications = Mutex<[String: Counter]>([:])
    private let endings = Mutex<[Ending: Counter]>([:])
    private let handlerTimes = Mutex<[String: Timer]>([:])

    init(service: String) {
        self.service = service
        outboxDepth = Gauge(label: "outbox_depth", dimensions: [("service", service)])
    }

    func depth(_ depth: Int) {
        outboxDepth.record(depth)
    }

    func published(_ count: Int, topic: String) {
        Self.known(publications, topic) {
            Counter(label: "events_published_total", dimensions: [("service", service), ("topic", topic)])
        }.increment(by: count)
    }

    /// `type` must be one of the handlers' types or nil, so that messages cannot make up label values.
    func finished(_ outcome: Outcome, type: String?) {
        Self.known(endings, Ending(outcome: outcome, type: type)) {
            Counter(
                label: "events_handled_total",
                dimensions: [
                    ("consumer", service), ("type", type ?? "unknown"), ("outcome", outcome.rawValue),
                ])
        }.increment()
    }

    func handlerTime(_ duration: Duration, type: String) {
        let (seconds, attoseconds) = duration.components
        Self.known(handlerTimes, type) {
            Timer(
                label: "event_handler_seconds", dimensions: [("consumer", service), ("type", type)],
                preferredDisplayUnit: .seconds)
        }.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    private static func known<Key: Hashable & Sendable, Metric: Sendable>(
        _ metrics: borrowing Mutex<[Key: Metric]>, _ key: Key, _ make: () -> Metric
    ) -> Metric {
        metrics.withLock { metrics in
            if let metric = metrics[key] { return metric }
            let metric = make()
            metrics[key] = metric
            return metric
        }
    }
}
