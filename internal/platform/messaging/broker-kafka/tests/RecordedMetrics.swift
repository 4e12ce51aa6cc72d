import CoreMetrics
import Synchronization

/// Keeps what counters and gauges of a test got, by label and the values of their dimensions.
final class RecordedMetrics: MetricsFactory {
    private let values = Mutex<[String: Double]>([:])

    /// Nil where nothing was recorded.
    subscript(label: String, dimensions: String...) -> Double? {
        values.withLock { $0[([label] + dimensions).joined(separator: " ")] }
    }

    private func change(_ name: String, _ body: (inout Double) -> Void) {
        values.withLock { body(&$0[name, default: 0]) }
    }

    private final class Handler: CounterHandler, RecorderHandler {
        private let name: String
        private let metrics: RecordedMetrics

        init(_ name: String, _ metrics: RecordedMetrics) {
            self.name = name
            self.metrics = metrics
        }

        func increment(by amount: Int64) { metrics.change(name) { $0 += Double(amount) } }
        func reset() { metrics.change(name) { $0 = 0 } }
        func record(_ value: Int64) { record(Double(value)) }
        func record(_ value: Double) { metrics.change(name) { $0 = value } }
    }

    private func handler(_ label: String, _ dimensions: [(String, String)]) -> Handler {
        Handler(([label] + dimensions.map(\.1)).joined(separator: " "), self)
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        handler(label, dimensions)
    }

    func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        handler(label, dimensions)
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        NOOPMetricsHandler.instance
    }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}
