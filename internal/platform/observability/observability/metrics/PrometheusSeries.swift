import CoreMetrics
import Synchronization

/// One line, or group of lines, of a metric: the values for one set of labels.
protocol PrometheusSeries: AnyObject, Sendable {
    /// Appends the sample lines; `labels` is what stands between the braces, perhaps nothing.
    func render(name: String, labels: String, into text: inout String)
}

extension PrometheusSeries {
    func sample(_ name: String, _ labels: String, _ value: Double, into text: inout String) {
        text += name
        if !labels.isEmpty { text += "{\(labels)}" }
        text += " \(PrometheusNames.number(value))\n"
    }
}

/// A sum that only grows.
final class CounterSeries: PrometheusSeries, CounterHandler, FloatingPointCounterHandler {
    private let value = Mutex(0.0)

    func increment(by amount: Int64) {
        increment(by: Double(amount))
    }

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        value.withLock { $0 += amount }
    }

    func reset() {
        value.withLock { $0 = 0 }
    }

    func render(name: String, labels: String, into text: inout String) {
        sample(name, labels, value.withLock { $0 }, into: &text)
    }
}

/// The latest value.
final class GaugeSeries: PrometheusSeries, RecorderHandler, MeterHandler {
    private let value = Mutex(0.0)

    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func set(_ value: Int64) { set(Double(value)) }

    func set(_ value: Double) {
        self.value.withLock { $0 = value }
    }

    func increment(by amount: Double) {
        guard amount.isFinite else { return }
        value.withLock { $0 += amount }
    }

    func decrement(by amount: Double) {
        increment(by: -amount)
    }

    func render(name: String, labels: String, into text: inout String) {
        sample(name, labels, value.withLock { $0 }, into: &text)
    }
}

/// How many values were recorded and their sum: a Prometheus summary without quantiles.
final class SummarySeries: PrometheusSeries, RecorderHandler {
    private struct State {
        var count = 0.0
        var sum = 0.0
    }

    private let state = Mutex(State())

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        state.withLock {
            $0.count += 1
            $0.sum += value
        }
    }

    func render(name: String, labels: String, into text: inout String) {
        let state = state.withLock { $0 }
        sample(name + "_sum", labels, state.sum, into: &text)
        sample(name + "_count", labels, state.count, into: &text)
    }
}

/// How long things took, in seconds, counted into fixed buckets.
final class HistogramSeries: PrometheusSeries, TimerHandler {
    /// Upper bounds in seconds; from a millisecond, a local query, to ten seconds, more than any client
    /// waits.
    static let bounds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    private static let boundsNanoseconds: [Int64] = bounds.map { Int64(($0 * 1e9).rounded()) }

    private struct State {
        /// Per bucket, not cumulative; the last one has no bound.
        var counts = [Int64](repeating: 0, count: HistogramSeries.bounds.count + 1)
        var sum = 0.0
    }

    private let state = Mutex(State())

    func recordNanoseconds(_ duration: Int64) {
        let bucket = Self.boundsNanoseconds.firstIndex { duration <= $0 } ?? Self.bounds.count
        state.withLock {
            $0.counts[bucket] += 1
            $0.sum += Double(duration) / 1e9
        }
    }

    func render(name: String, labels: String, into text: inout String) {
        let state = state.withLock { $0 }
        let prefix = labels.isEmpty ? "" : labels + ","
        var cumulative: Int64 = 0
        for (index, count) in state.counts.enumerated() {
            cumulative += count
            let bound = index < Self.bounds.count ? PrometheusNames.number(Self.bounds[index]) : "+Inf"
            sample(name + "_bucket", "\(prefix)le=\"\(bound)\"", Double(cumulative), into: &text)
        }
        sample(name + "_sum", labels, state.sum, into: &text)
        sample(name + "_count", labels, Double(cumulative), into: &text)
    }
}
